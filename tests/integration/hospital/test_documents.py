"""Documents: what is taken and refused, how it is shown, versions, sharing, and who reads what."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import typst
from flask import Flask
from PIL import Image
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app.core.db import db
from app.core.objects.interface import NoObject
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.documents.models import Document, DocumentVersion
from app.domain.files.keeping import read_content
from app.domain.files.models import File, FileLink
from app.domain.patients.models import Confidentiality
from tests import factories
from tests.integration.privacy.test_erasing import approve, perform
from tests.support.client import CheckingClient

PDF = typst.compile({"main.typ": "Giấy ra viện #pagebreak() Trang hai".encode()})
PROGRAM = b"MZ\x90\x00" + b"\0" * 400


def image(width: int = 40, kind: str = "JPEG", exif: bool = False) -> bytes:
    """Return a small image, with a place where it was taken if that is wanted."""
    drawn, target = Image.new("RGB", (width, 30), (200, 30, 30)), BytesIO()
    data = Image.Exif()
    if exif:
        data[0x010E] = "nhà riêng của bệnh nhân"
    drawn.save(target, kind, exif=data)
    return target.getvalue()


@pytest.fixture
def patient(alpha: str, bound: Any) -> Any:
    """A patient whom the department of medicine treats."""
    with bound(alpha):
        return factories.make_appointment(patient_id=factories.make_patient().id).patient_id


@pytest.fixture
def doctor(alpha: str, patient: UUID, sign_in_staff: Callable[..., CheckingClient]) -> CheckingClient:
    """A doctor of the same department."""
    return sign_in_staff(alpha, "doctor")


def send(client: CheckingClient, patient_id: UUID, content: bytes = PDF, name: str = "giay.pdf", **facts: Any) -> Any:
    """Send a file as a document."""
    new = f"/h/alpha/hospital/patients/{patient_id}/documents"
    data = {"title": "Giấy ra viện", "kind": "discharge", **facts}
    return post(client, new, content, name, f"{new}/new", **data)


def post(client: CheckingClient, url: str, content: bytes, name: str, page: str, **data: Any) -> Any:
    """Send a form with a file, encoded here: the test client would leave a large one open."""
    fields = {"csrf_token": client.csrf_token(page), "file": FileStorage(BytesIO(content), name), **data}
    boundary, body = encode_multipart(fields)
    return client.post(url, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def the_document(bound: Any, alpha: str) -> Any:
    with bound(alpha):
        return db.session.execute(sa.select(Document.id, Document.version, Document.shared_at)).one()


def test_a_pdf_is_kept_encrypted_by_its_content_and_shown_as_pictures(
    doctor: CheckingClient, patient: UUID, alpha: str, bound: Any
) -> None:
    answer = send(doctor, patient)
    assert answer.status_code == 303
    at = answer.location
    page = doctor.get(f"{at}?page=2").text
    assert "Giấy ra viện" in page
    assert "Trang 2 trên 2" in page
    picture = doctor.get(f"{at}/page?page=2")
    assert picture.mimetype == "image/png"
    assert picture.data.startswith(b"\x89PNG")
    assert "sandbox" in picture.headers["Content-Security-Policy"]
    assert "no-store" in picture.headers["Cache-Control"]
    assert doctor.get(f"{at}/page?page=3").status_code == 404
    saved = doctor.get(f"{at}/content")
    assert saved.data == PDF
    assert saved.headers["Content-Disposition"].startswith("attachment")
    with bound(alpha):
        file = db.session.scalars(sa.select(File)).one()
        assert (file.name, file.media_type, file.size_bytes) == ("giay.pdf", "application/pdf", len(PDF))
        assert db.session.scalars(sa.select(FileLink.patient_id)).all() == [patient]
        seen = set(db.session.scalars(sa.select(AccessEntry.action)))
        assert {"document.list", "document.view"} <= seen
        assert "document.add" in set(db.session.scalars(sa.select(AuditEntry.action)))


def test_an_image_is_drawn_anew_without_what_else_was_in_it(doctor: CheckingClient, patient: UUID, alpha: str) -> None:
    at = send(doctor, patient, image(exif=True), "anh.png").location
    shown = doctor.get(f"{at}/content")
    assert shown.mimetype == "image/jpeg"
    assert shown.headers["Content-Disposition"].startswith("inline")
    with Image.open(BytesIO(shown.data)) as kept:
        assert kept.size == (40, 30)
        assert not kept.getexif()


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (PROGRAM, "ket-qua.pdf", "là một chương trình"),
        (b"<html><script>alert(1)</script>", "trang.pdf", "không phải là tệp PDF, PNG hoặc JPEG"),
        (PDF[:-200], "cut.pdf", "không có phần cuối"),
        (image(kind="PNG")[:60], "hong.png", "Không đọc được ảnh"),
        (PDF + b"0" * (30 * 1024 * 1024), "lon.pdf", "tối đa 25 MB"),
        (b"", "trong.pdf", "Tệp trống"),
    ],
)
def test_what_is_not_taken_is_said_at_the_form_and_nothing_is_kept(
    doctor: CheckingClient, patient: UUID, alpha: str, bound: Any, content: bytes, name: str, words: str
) -> None:
    answer = send(doctor, patient, content, name)
    assert answer.status_code == 422
    assert words in answer.text
    assert "Giấy ra viện" in answer.text
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(File)) == 0


def test_versions_are_added_never_changed_and_a_stale_one_is_told(
    doctor: CheckingClient, patient: UUID, alpha: str, bound: Any
) -> None:
    at = send(doctor, patient).location
    document = the_document(bound, alpha)
    version = str(document.version)
    sent = post(doctor, f"{at}/versions", image(), "ban-2.jpg", at, note="Bản rõ hơn", version=version)
    assert sent.status_code == 303
    assert "Bản rõ hơn" in doctor.get(at).text
    assert "phiên bản cũ" in doctor.get(f"{at}?version=1").text
    assert post(doctor, f"{at}/versions", image(), "ban-3.jpg", at, version=version).status_code == 409
    with bound(alpha):
        assert db.session.scalars(sa.select(DocumentVersion.number).order_by(DocumentVersion.number)).all() == [1, 2]
    for statement in ("UPDATE document_versions SET note = 'x'", "DELETE FROM documents"):
        with pytest.raises(DBAPIError), bound(alpha):
            db.session.execute(sa.text(statement), bind_arguments={"mapper": Document})


def test_a_document_is_deleted_for_a_reason_and_then_nobody_sees_it(
    doctor: CheckingClient, patient: UUID, alpha: str, bound: Any
) -> None:
    at = send(doctor, patient).location
    version = str(the_document(bound, alpha).version)
    assert doctor.submit(f"{at}/delete", {"version": version, "reason": " "}, page=at).status_code == 422
    assert doctor.submit(f"{at}/delete", {"version": version, "reason": "Nhầm"}, page=at).status_code == 303
    assert doctor.get(at).status_code == doctor.get(f"{at}/content").status_code == 404


def test_a_document_is_as_closed_as_the_patient(
    doctor: CheckingClient, patient: UUID, alpha: str, bound: Any, sign_in_staff: Callable[..., CheckingClient]
) -> None:
    at = send(doctor, patient).location
    stranger = sign_in_staff(alpha, "doctor", department="NHI")
    for where in (at, f"{at}/content", f"{at}/page"):
        assert stranger.get(where).status_code == 403
    desk = sign_in_staff(alpha, "receptionist")
    assert desk.get(at).status_code == 403
    with bound(alpha):
        from app.domain.patients.models import Patient

        db.session.get_one(Patient, patient).confidentiality = Confidentiality.RESTRICTED
    assert sign_in_staff(alpha, "records_clerk").get(f"{at}/content").status_code == 403


def test_two_files_with_one_content_are_kept_once(
    doctor: CheckingClient, patient: UUID, alpha: str, bound: Any
) -> None:
    send(doctor, patient)
    send(doctor, patient, PDF, "khac.pdf")
    with bound(alpha):
        digests = db.session.scalars(sa.select(File.sha256)).all()
        assert len(digests) == 2
        assert len(set(digests)) == 1


def test_erasing_a_patient_destroys_the_documents(
    app: Flask, doctor: CheckingClient, patient: UUID, alpha: str, bound: Any
) -> None:
    send(doctor, patient)
    approve(bound, alpha, patient)
    assert perform(app) == 1
    with bound(alpha):
        for model in (Document, DocumentVersion):
            assert db.session.scalars(sa.select(model)).all() == []
        file = db.session.scalars(sa.select(File)).one()
        assert (file.name, file.deleted_at is None) == ("—", False)
        with pytest.raises(NoObject):
            list(read_content(file.sha256))
