"""A patient's own documents: what the hospital shares, shown as pictures and saved as a file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from app.core.objects.interface import NoObject
from app.core.pdf_pages import CannotDraw, count_pages, draw_page
from app.core.permissions import requires
from app.domain.documents.errors import DocumentNotFound
from app.domain.documents.own import list_own_documents, open_own_document, read_own_document
from app.domain.files.keeping import read_content
from app.domain.files.receiving import PDF, PNG
from app.domain.identity.permissions import OWN_RECORD
from app.patient import patient
from app.patient.own import own_patient_id
from app.web.principals import current_actor
from app.web.render import render
from app.web.served import serve_sent

LAST_PAGE = 10_000


@patient.get("/documents")
@requires(OWN_RECORD)
def documents_index() -> Response:
    """List what the hospital shares, the newest first."""
    number = min(max(request.args.get("page", 1, int), 1), LAST_PAGE)
    page = list_own_documents(current_actor(), own_patient_id(), number)
    return render("patient/documents/index.html", documents=page)


@patient.get("/documents/<uuid:document_id>")
@requires(OWN_RECORD)
def documents_show(document_id: UUID) -> Response:
    """Show a document page by page."""
    shown = open_own_document(current_actor(), own_patient_id(), document_id)
    pages = _count(shown)
    page = min(max(request.args.get("page", 1, int), 1), pages or 1)
    return render("patient/documents/show.html", document=shown, is_pdf=shown.media_type == PDF, pages=pages, page=page)


@patient.get("/documents/<uuid:document_id>/content")
@requires(OWN_RECORD)
def documents_content(document_id: UUID) -> Response:
    """Hand out the file: an image to be shown, anything to be saved."""
    shown, content = read_own_document(current_actor(), own_patient_id(), document_id)
    try:
        return serve_sent(shown.name, content, shown.media_type, save="save" in request.args)
    except NoObject:
        raise DocumentNotFound from None


@patient.get("/documents/<uuid:document_id>/page")
@requires(OWN_RECORD)
def documents_page(document_id: UUID) -> Response:
    """Hand out a picture of one page of a PDF."""
    number = min(max(request.args.get("page", 1, int), 1), LAST_PAGE)
    shown, content = read_own_document(current_actor(), own_patient_id(), document_id)
    if shown.media_type != PDF:
        raise DocumentNotFound
    try:
        return serve_sent(f"{number}.png", [draw_page(content, number)], PNG)
    except (CannotDraw, NoObject):
        raise DocumentNotFound from None


def _count(shown: Any) -> int | None:
    """Return how many pages a document has; None where it cannot be shown."""
    if shown.media_type != PDF:
        return 1
    try:
        return count_pages(read_content(shown.sha256))
    except (CannotDraw, NoObject):
        return None
