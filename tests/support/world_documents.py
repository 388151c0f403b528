"""What a patient has of documents in the small world: a shared one, called by the patient's word, in the file store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from io import BytesIO
from uuid import UUID

import typst

from app.core import clock
from app.core.blobs import digest_of
from app.core.db import db
from app.domain.documents.models import Document, DocumentKind, DocumentVersion
from app.domain.files.keeping import store_content
from app.domain.files.models import File, FileLink

DOCUMENT, DOCUMENT_FILE, DOCUMENT_LINK, DOCUMENT_VERSION = range(91, 95)  # added to the patient's own

MakeId = Callable[[int], UUID]


@cache
def paper() -> bytes:
    """Return a PDF of one page."""
    made: bytes = typst.compile({"main.typ": b"."})
    return made


def build_documents_of_patient(make_id: MakeId, patient_id: UUID, doctor_id: UUID, word: str) -> None:
    """Give a patient a document of one version, which the patient may read."""
    digest, size = digest_of(BytesIO(paper()))
    file = File(
        id=make_id(DOCUMENT_FILE), sha256=digest, size_bytes=size, media_type="application/pdf", name=f"{word}.pdf"
    )
    document = Document(
        id=make_id(DOCUMENT), patient_id=patient_id, kind=DocumentKind.REFERRAL, title=f"Giấy {word}",
        shared_at=clock.now() - timedelta(days=1), created_by=doctor_id,
    )  # fmt: skip
    db.session.add_all([file, document])
    db.session.flush()
    db.session.add_all(
        [
            FileLink(
                id=make_id(DOCUMENT_LINK), file_id=file.id, subject_type="document", subject_id=document.id,
                patient_id=patient_id,
            ),
            DocumentVersion(
                id=make_id(DOCUMENT_VERSION), document_id=document.id, patient_id=patient_id, number=1,
                file_id=file.id, note=word, created_by=doctor_id,
            ),
        ]
    )  # fmt: skip
    db.session.flush()
    store_content(digest, BytesIO(paper()))
