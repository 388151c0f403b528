"""A patient's documents: listed, added, looked at page by page, in versions, shared with the patient, deleted.

A PDF is never opened by the browser: its pages are shown as pictures that the server draws. It can be saved.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.objects.interface import NoObject
from app.core.pdf_pages import CannotDraw, count_pages
from app.core.permissions import requires
from app.domain.documents.errors import DocumentNotFound
from app.domain.documents.models import DocumentKind, DocumentSubject
from app.domain.documents.operations import add_document, add_version, delete_document, share_document
from app.domain.documents.queries import list_attached, open_document, open_documents
from app.domain.files.keeping import read_content
from app.domain.files.receiving import LARGEST_REQUEST, MOST_MB, PDF
from app.domain.identity.permissions import ADD_DOCUMENTS, VIEW_DOCUMENTS
from app.domain.patients.queries import open_patient
from app.domain.records.queries import OpenRecord
from app.hospital import document_words, hospital
from app.hospital.consultation_panels import declare_panel
from app.hospital.forms.documents import DeleteForm, DocumentForm, ShareForm, VersionForm
from app.hospital.patient_tabs import declare_patient_tab
from app.hospital.served_documents import serve_document, serve_page
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.uploads import takes_files
from app.web.versions import read_version

LAST_PAGE = 1000

declare_patient_tab("hospital.documents_index", _l("Documents"), VIEW_DOCUMENTS, position=60)


def _panel(opened: OpenRecord) -> dict[str, Any] | None:
    """Return a record's documents for the consultation's page."""
    series_id = opened.row.series_id
    return {"documents": list_attached(DocumentSubject.RECORD, [series_id]), "series_id": series_id}


declare_panel("documents", 90, "hospital/documents/panel.html", _panel, permission=VIEW_DOCUMENTS.code)


@hospital.get("/patients/<uuid:patient_id>/documents")
@requires(VIEW_DOCUMENTS)
def documents_index(patient_id: UUID) -> Response:
    """List a patient's documents, the newest first."""
    number = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
    wanted = request.args.get("kind", "")
    kind = DocumentKind(wanted) if wanted in set(DocumentKind) else None
    found = open_documents(current_actor(), patient_id, number, kind)
    return render("hospital/documents/index.html", found=found, patient=found.patient, kind=kind, said=document_words)


@hospital.get("/patients/<uuid:patient_id>/documents/new")
@requires(VIEW_DOCUMENTS, ADD_DOCUMENTS)
def documents_new(patient_id: UUID) -> Response:
    """Ask for a file and what it is."""
    return _show_new(patient_id, DocumentForm())


@hospital.post("/patients/<uuid:patient_id>/documents")
@requires(VIEW_DOCUMENTS, ADD_DOCUMENTS)
@takes_files(LARGEST_REQUEST)
def documents_create(patient_id: UUID) -> BaseResponse:
    """Keep the file as a document of the patient's, or of one of the patient's records."""
    form, record = DocumentForm(), _record()
    if not form.validate_on_submit():
        return _show_new(patient_id, form)
    subject = DocumentSubject.RECORD if record else DocumentSubject.PATIENT
    try:
        document = add_document(
            current_actor(), patient_id, form.facts(), sent_file(form.file.data), subject=subject, subject_id=record
        )
    except InvalidValue as error:
        form.add_error("file", error)
        return _show_new(patient_id, form)
    flash(_("The document is saved."), "success")
    return see_other(url_for("hospital.documents_show", document_id=document.id))


@hospital.get("/documents/<uuid:document_id>")
@requires(VIEW_DOCUMENTS)
def documents_show(document_id: UUID) -> Response:
    """Show a document: its pages as pictures, its versions, and what can be done with it."""
    return _show(document_id)


@hospital.get("/documents/<uuid:document_id>/content")
@requires(VIEW_DOCUMENTS)
def documents_content(document_id: UUID) -> Response:
    """Hand out a version: an image to be shown, anything to be saved."""
    return serve_document(document_id)


@hospital.get("/documents/<uuid:document_id>/page")
@requires(VIEW_DOCUMENTS)
def documents_page(document_id: UUID) -> Response:
    """Hand out a picture of one page of a PDF."""
    return serve_page(document_id)


@hospital.post("/documents/<uuid:document_id>/versions")
@requires(VIEW_DOCUMENTS, ADD_DOCUMENTS)
@takes_files(LARGEST_REQUEST)
def documents_add_version(document_id: UUID) -> BaseResponse:
    """Keep a file as the present version."""
    form = VersionForm()
    if form.validate_on_submit():
        sent, seen = sent_file(form.file.data), _number(form.version.data)
        try:
            number = add_version(current_actor(), document_id, seen, form.note.data or "", sent)
        except InvalidValue as error:
            form.add_error("file", error)
        else:
            flash(_("Version %(number)s is saved.", number=number), "success")
            return see_other(url_for("hospital.documents_show", document_id=document_id))
    return _show(document_id, version_form=form)


@hospital.post("/documents/<uuid:document_id>/share")
@requires(VIEW_DOCUMENTS, ADD_DOCUMENTS)
def documents_share(document_id: UUID) -> BaseResponse:
    """Let the patient read the document, or no longer."""
    form = ShareForm()
    if form.validate_on_submit():
        shared = form.shared.data == "yes"
        share_document(current_actor(), document_id, _number(form.version.data), shared=shared)
        flash(_("The patient may read it now.") if shared else _("The patient no longer sees it."), "success")
    return see_other(url_for("hospital.documents_show", document_id=document_id))


@hospital.post("/documents/<uuid:document_id>/delete")
@requires(VIEW_DOCUMENTS, ADD_DOCUMENTS)
def documents_delete(document_id: UUID) -> BaseResponse:
    """Delete a document for a reason."""
    form = DeleteForm()
    if form.validate_on_submit():
        try:
            patient_id = delete_document(
                current_actor(), document_id, _number(form.version.data), form.reason.data or ""
            )
        except InvalidValue as error:
            form.add_error("reason", error)
        else:
            flash(_("The document is deleted."), "success")
            return see_other(url_for("hospital.documents_index", patient_id=patient_id))
    return _show(document_id, delete_form=form)


def sent_file(data: Any) -> FileStorage | None:
    """Return the file of a form; None where none was chosen."""
    return data if isinstance(data, FileStorage) else None


def count_shown(shown: Any) -> int | None:
    """Return how many pages a PDF has; None where it cannot be shown."""
    if shown.media_type != PDF:
        return 1
    try:
        return count_pages(read_content(shown.sha256))
    except (CannotDraw, NoObject):
        return None


def _record() -> UUID | None:
    """Return the record that the address names, None where it names none; raises DocumentNotFound for garbage."""
    named = request.args.get("record", "")
    record = parse_id(named)
    if named and record is None:
        raise DocumentNotFound
    return record


def _number(typed: str | None) -> int:
    return read_version(typed) or 0


def _show_new(patient_id: UUID, form: DocumentForm) -> Response:
    patient = open_patient(current_actor(), patient_id, "document.list", VIEW_DOCUMENTS)
    failed = bool(form.errors)
    return render(
        "hospital/documents/new.html", form=form, patient=patient, record=_record(), most_mb=MOST_MB, has_errors=failed,
        status=422 if failed else 200,
    )  # fmt: skip


def _show(
    document_id: UUID, *, version_form: VersionForm | None = None, delete_form: DeleteForm | None = None
) -> Response:
    opened = open_document(current_actor(), document_id, request.args.get("version", type=int))
    failed = any(form is not None and form.errors for form in (version_form, delete_form))
    pages, seen = count_shown(opened.shown), str(opened.row.version)
    return render(
        "hospital/documents/show.html",
        opened=opened,
        document=opened.row,
        shown=opened.shown,
        patient=opened.patient,
        pages=pages,
        page=min(max(request.args.get("page", 1, type=int), 1), pages or 1),
        is_pdf=opened.shown.media_type == PDF,
        version_form=version_form or VersionForm(formdata=None, version=seen),
        delete_form=delete_form or DeleteForm(formdata=None, version=seen),
        most_mb=MOST_MB,
        said=document_words,
        has_errors=failed,
        status=422 if failed else 200,
    )
