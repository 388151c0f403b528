"""What belongs to a test besides its values: scans of reports, images. Seen by who may read results, and only so."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.documents.models import DocumentSubject
from app.domain.documents.operations import add_document, delete_document, find_attached_to
from app.domain.documents.queries import list_attached, open_document
from app.domain.files.receiving import LARGEST_REQUEST, MOST_MB, PDF
from app.domain.identity.permissions import ENTER_RESULTS, VIEW_RESULTS
from app.domain.laboratory.queries import get_ordered_test
from app.domain.patients.queries import open_patient
from app.hospital import document_words, hospital
from app.hospital.documents import count_shown, sent_file
from app.hospital.forms.documents import AttachmentForm, DeleteForm
from app.hospital.served_documents import serve_document, serve_page
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.uploads import takes_files
from app.web.versions import read_version


@hospital.get("/lab-tests/<uuid:ordered_test_id>/attachments")
@requires(VIEW_RESULTS)
def lab_attachments_index(ordered_test_id: UUID) -> Response:
    """List what belongs to a test, with a form to add to it for who enters results."""
    return _show_list(ordered_test_id, AttachmentForm())


@hospital.post("/lab-tests/<uuid:ordered_test_id>/attachments")
@requires(VIEW_RESULTS, ENTER_RESULTS)
@takes_files(LARGEST_REQUEST)
def lab_attachments_create(ordered_test_id: UUID) -> BaseResponse:
    """Keep a file with a test."""
    form, item = AttachmentForm(), get_ordered_test(ordered_test_id)
    if form.validate_on_submit():
        try:
            add_document(
                current_actor(), item.patient_id, form.facts(item.test_name), sent_file(form.file.data),
                subject=DocumentSubject.LAB_ITEM, subject_id=ordered_test_id,
            )  # fmt: skip
        except InvalidValue as error:
            form.add_error("file", error)
        else:
            flash(_("The file is saved."), "success")
            return see_other(url_for("hospital.lab_attachments_index", ordered_test_id=ordered_test_id))
    return _show_list(ordered_test_id, form)


@hospital.get("/lab-attachments/<uuid:document_id>")
@requires(VIEW_RESULTS)
def lab_attachments_show(document_id: UUID) -> Response:
    """Show what belongs to a test, page by page."""
    return _show(document_id)


@hospital.post("/lab-attachments/<uuid:document_id>/delete")
@requires(VIEW_RESULTS, ENTER_RESULTS)
def lab_attachments_delete(document_id: UUID) -> BaseResponse:
    """Take back what was attached by mistake, for a reason."""
    form, item_id = DeleteForm(), find_attached_to(document_id)
    if form.validate_on_submit():
        try:
            seen = read_version(form.version.data) or 0
            delete_document(current_actor(), document_id, seen, form.reason.data or "")
        except InvalidValue as error:
            form.add_error("reason", error)
        else:
            flash(_("The document is deleted."), "success")
            return see_other(url_for("hospital.lab_attachments_index", ordered_test_id=item_id))
    return _show(document_id, form)


@hospital.get("/lab-attachments/<uuid:document_id>/content")
@requires(VIEW_RESULTS)
def lab_attachments_content(document_id: UUID) -> Response:
    """Hand it out: an image to be shown, anything to be saved."""
    return serve_document(document_id)


@hospital.get("/lab-attachments/<uuid:document_id>/page")
@requires(VIEW_RESULTS)
def lab_attachments_page(document_id: UUID) -> Response:
    """Hand out a picture of one page of a PDF."""
    return serve_page(document_id)


def _show_list(ordered_test_id: UUID, form: AttachmentForm) -> Response:
    item = get_ordered_test(ordered_test_id)
    patient = open_patient(current_actor(), item.patient_id, "lab_report.view", VIEW_RESULTS)
    failed = bool(form.errors)
    return render(
        "hospital/laboratory/attachments.html", item=item, patient=patient, form=form, most_mb=MOST_MB,
        attached=list_attached(DocumentSubject.LAB_ITEM, [ordered_test_id]), said=document_words,
        has_errors=failed, status=422 if failed else 200,
    )  # fmt: skip


def _show(document_id: UUID, form: DeleteForm | None = None) -> Response:
    opened = open_document(current_actor(), document_id, request.args.get("version", type=int))
    pages, failed = count_shown(opened.shown), form is not None and bool(form.errors)
    return render(
        "hospital/laboratory/attachment.html",
        opened=opened,
        document=opened.row,
        shown=opened.shown,
        patient=opened.patient,
        pages=pages,
        page=min(max(request.args.get("page", 1, type=int), 1), pages or 1),
        is_pdf=opened.shown.media_type == PDF,
        delete_form=form or DeleteForm(formdata=None, version=str(opened.row.version)),
        said=document_words,
        has_errors=failed,
        status=422 if failed else 200,
    )
