"""Handing out the content of documents, to the pages of documents and of test results alike."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.core.objects.interface import NoObject
from app.core.pdf_pages import CannotDraw, draw_page
from app.domain.documents.errors import DocumentNotFound
from app.domain.documents.queries import read_version
from app.domain.files.receiving import PDF, PNG
from app.web.principals import current_actor
from app.web.served import serve_sent


def serve_document(document_id: UUID) -> Response:
    """Answer with a version of a document, named in the address; raises DocumentNotFound."""
    save = "save" in request.args
    action = "document.fetch" if save else "document.view"
    shown, content = read_version(current_actor(), document_id, request.args.get("version", type=int), action)
    try:
        return serve_sent(shown.name, content, shown.media_type, save=save)
    except NoObject:
        raise DocumentNotFound from None


def serve_page(document_id: UUID) -> Response:
    """Answer with a picture of one page of a PDF; raises DocumentNotFound where it cannot be drawn."""
    number = min(max(request.args.get("page", 1, type=int), 1), 9999)
    shown, content = read_version(current_actor(), document_id, request.args.get("version", type=int), "document.view")
    if shown.media_type != PDF:
        raise DocumentNotFound
    try:
        return serve_sent(f"{number}.png", [draw_page(content, number)], PNG)
    except (CannotDraw, NoObject):
        raise DocumentNotFound from None
