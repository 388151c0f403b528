"""The words of documents: kinds, types of files, sizes, what they belong to."""

from __future__ import annotations

from app.core.errors import Text
from app.core.formats.numbers import format_decimal
from app.core.i18n import _l
from app.domain.documents.models import DocumentKind, DocumentSubject
from app.domain.files.receiving import JPEG, PDF, PNG

KINDS: dict[DocumentKind, Text] = {
    DocumentKind.REFERRAL: _l("Referral"),
    DocumentKind.DISCHARGE: _l("Discharge letter"),
    DocumentKind.LAB_RESULT: _l("Test result from elsewhere"),
    DocumentKind.IMAGE: _l("Image"),
    DocumentKind.CONSENT: _l("Signed consent"),
    DocumentKind.CERTIFICATE: _l("Certificate"),
    DocumentKind.INSURANCE: _l("Insurance paper"),
    DocumentKind.OTHER: _l("Other document"),
}
TYPES: dict[str, str] = {PDF: "PDF", PNG: "PNG", JPEG: "JPEG"}
SUBJECTS: dict[DocumentSubject, Text] = {
    DocumentSubject.PATIENT: _l("The patient"),
    DocumentSubject.RECORD: _l("A medical record"),
    DocumentSubject.LAB_ITEM: _l("A test result"),
}


def size(size_bytes: int) -> str:
    """Say a size as people read it."""
    if size_bytes < 1024**2:
        return f"{max(1, round(size_bytes / 1024))} KB"
    return f"{format_decimal(round(size_bytes / 1024**2, 1))} MB"
