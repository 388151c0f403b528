"""Documents of the demo's patients with accounts: a discharge letter of another hospital, shared with the patient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO
from uuid import UUID

from app.cli.demo.people import Person
from app.core.after_commit import after_commit
from app.core.blobs import digest_of
from app.core.db import db
from app.domain.documents.models import Document, DocumentKind, DocumentVersion
from app.domain.documents.operations import LINKED_AS
from app.domain.files.keeping import store_content
from app.domain.files.models import File, FileLink
from app.web.documents import pdf

ELSEWHERE = "Bệnh viện Đa khoa khu vực"
TEXT = (
    "Người bệnh vào viện vì sốt và ho năm ngày.",
    "Chẩn đoán: viêm phổi mắc phải cộng đồng, đã ổn định.",
    "Điều trị: kháng sinh đường tĩnh mạch bảy ngày, đáp ứng tốt.",
    "Hẹn tái khám sau hai tuần, chụp X-quang ngực kiểm tra.",
)
AGO = timedelta(days=40)


def write_documents(people: Sequence[Person], added_by: UUID, now: datetime) -> None:
    """Give each patient with an account a letter that came on paper."""
    for person in people:
        if person.has_account:
            _write_letter(person, added_by, now - AGO)


def _write_letter(person: Person, added_by: UUID, at: datetime) -> None:
    content = _letter(person)
    digest, size = digest_of(BytesIO(content))
    file = File(
        sha256=digest, size_bytes=size, media_type="application/pdf", name="giay-ra-vien.pdf", created_by=added_by
    )
    document = Document(
        patient_id=person.id, kind=DocumentKind.DISCHARGE, title=f"Giấy ra viện, {ELSEWHERE}", shared_at=at,
        created_at=at, updated_at=at, created_by=added_by, updated_by=added_by,
    )  # fmt: skip
    db.session.add_all([file, document])
    db.session.flush()
    owner = {"patient_id": person.id, "file_id": file.id, "created_by": added_by, "created_at": at}
    db.session.add_all(
        [
            DocumentVersion(document_id=document.id, number=1, **owner),
            FileLink(subject_type=LINKED_AS, subject_id=document.id, **owner),
        ]
    )
    db.session.flush()
    after_commit(lambda: store_content(digest, BytesIO(content)))


def _letter(person: Person) -> bytes:
    return pdf(
        "record",
        {
            "title": "Giấy ra viện",
            "locale": "vi",
            "code": "RV-2026",
            "code_label": "Số",
            "hospital": {"name": ELSEWHERE},
            "state": "",
            "who": [["Họ và tên", person.full_name]],
            "sections": [{"title": "Tóm tắt", "lines": list(TEXT)}],
            "signature": None,
        },
    )
