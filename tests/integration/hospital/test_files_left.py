"""Files that were sent and then refused, taken away, or sent twice: nothing of them stays, and nothing stands twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.blobs import digest_of, file_store
from app.core.db import db
from app.core.errors import Forbidden
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.documents import operations
from app.domain.documents.errors import DocumentChanged
from app.domain.documents.models import Document, DocumentKind, DocumentSubject, DocumentVersion
from app.domain.documents.operations import add_document, add_version, delete_document, share_document
from app.domain.documents.rules import Facts
from app.domain.files import receiving
from app.domain.files.keeping import destroy_left_files, note_file, read_content, store_content
from app.domain.files.models import File, FileLink
from app.domain.files.receiving import NotTaken, check_upload
from app.domain.identity.permissions import ADD_DOCUMENTS, VIEW_DOCUMENTS
from app.domain.privacy.models import OwnExport
from app.tenancy.binding import bind_hospital, bound_hospital
from tests import factories
from tests.integration.hospital.test_documents import PDF, image, post, send, the_document
from tests.integration.privacy.test_erasing import approve, perform
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR

MAY = frozenset({VIEW_DOCUMENTS.code, ADD_DOCUMENTS.code})
CLERK = Actor(ActorKind.SYSTEM, None, "clerk", permissions=MAY)
LETTER = Facts(DocumentKind.OTHER, "Giấy")


@pytest.fixture
def patient(alpha: str, bound: Any) -> UUID:
    """A patient whom the department of medicine treats."""
    with bound(alpha):
        return factories.make_appointment(patient_id=factories.make_patient().id).patient_id


def sent(content: bytes, name: str = "giay.pdf") -> FileStorage:
    return FileStorage(BytesIO(content), name)


def count_files(bound: Any) -> tuple[int, int]:
    """Return how many files stand, and how many are destroyed."""
    with bound("alpha"):
        gone = db.session.scalars(sa.select(File.destroyed_at)).all()
        return sum(at is None for at in gone), sum(at is not None for at in gone)


def test_a_version_of_what_has_changed_is_refused_before_anything_is_kept(
    patient: UUID, sign_in_staff: Callable[..., CheckingClient], bound: Any, alpha: str
) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    at = send(doctor, patient).location
    version = str(the_document(bound, alpha).version)
    assert post(doctor, f"{at}/versions", image(), "2.jpg", at, version=version).status_code == 303
    assert post(doctor, f"{at}/versions", image(50), "3.jpg", at, version=version).status_code == 409
    assert count_files(bound) == (2, 0)


def test_a_version_that_is_refused_after_it_came_is_destroyed_again(
    patient: UUID, bound: Any, alpha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bound(alpha):
        document_id = add_document(CLERK, patient, LETTER, sent(PDF)).id
    monkeypatch.setattr(operations, "_find", lambda document_id, version, hold=False: _refuse(hold))
    with pytest.raises(DocumentChanged), bound(alpha):
        add_version(CLERK, document_id, 1, "", sent(image(), "2.jpg"))
    assert count_files(bound) == (1, 1)
    with bound(alpha):
        assert b"".join(read_content(digest_of(BytesIO(PDF))[0])) == PDF


def _refuse(hold: bool) -> None:
    if hold:
        raise DocumentChanged


def test_what_belongs_to_nothing_is_destroyed_after_a_day_and_holds_up_no_erasure(
    app: Flask, patient: UUID, bound: Any, alpha: str
) -> None:
    with bound(alpha):
        add_document(CLERK, patient, LETTER, sent(PDF))
        export = note_file(ACTOR, "sao.zip", "application/zip", BytesIO(b"a copy"))
        link = {"file_id": export.id, "made_at": clock.now(), "next_attempt_at": clock.now()}
        db.session.add(OwnExport(patient_id=patient, asked_by_kind="staff", **link))
        orphan = note_file(ACTOR, "mat-hut.pdf", "application/pdf", BytesIO(PDF))
        orphan_id, digest = orphan.id, orphan.sha256
        store_content(digest, BytesIO(PDF))
    with app.app_context(), bind_hospital(alpha):
        assert destroy_left_files() == 0
    with clock.frozen_at(clock.now() + timedelta(days=2)):
        approve(bound, alpha, patient)
        assert perform(app) == 1
        with bound(alpha):
            assert not file_store().has(bound_hospital().id, digest)
        with app.app_context(), bind_hospital(alpha):
            destroy_left_files()
            assert destroy_left_files() == 0
    with bound(alpha):
        assert db.session.get_one(File, orphan_id).destroyed_at is not None


def test_a_file_that_something_refers_to_is_never_left_over(app: Flask, patient: UUID, bound: Any, alpha: str) -> None:
    with bound(alpha):
        add_document(CLERK, patient, LETTER, sent(PDF))
        linked = note_file(ACTOR, "anh.png", "image/png", BytesIO(b"photograph"))
        db.session.add(FileLink(file_id=linked.id, subject_type="patient_photo", subject_id=patient))
        export = note_file(ACTOR, "sao.zip", "application/zip", BytesIO(b"a copy"))
        made = {"file_id": export.id, "made_at": clock.now(), "next_attempt_at": clock.now()}
        db.session.add(OwnExport(patient_id=patient, asked_by_kind="staff", **made))
    with clock.frozen_at(clock.now() + timedelta(days=9)), app.app_context(), bind_hospital(alpha):
        assert destroy_left_files() == 0
    assert count_files(bound) == (3, 0)


def test_a_form_that_is_sent_twice_at_once_makes_one_document(
    app: Flask, patient: UUID, bound: Any, alpha: str
) -> None:
    together = Barrier(2)

    def click(_which: int) -> UUID:
        with app.app_context(), bind_hospital(alpha):
            together.wait(60)
            with unit_of_work():
                return add_document(CLERK, patient, LETTER, sent(PDF)).id

    with ThreadPoolExecutor(2) as clicks:
        assert len(set(clicks.map(click, range(2)))) == 1
    with bound(alpha):
        assert len(db.session.scalars(sa.select(Document.id)).all()) == 1
        assert len(db.session.scalars(sa.select(DocumentVersion.id)).all()) == 1
        assert b"".join(read_content(digest_of(BytesIO(PDF))[0])) == PDF
        add_document(CLERK, patient, Facts(DocumentKind.OTHER, "Giấy khác"), sent(PDF))
        assert len(db.session.scalars(sa.select(Document.id)).all()) == 2
    assert count_files(bound) == (2, 1)


def test_sixteen_bits_of_grey_stay_sixteen() -> None:
    shades, drawn = (0, 4095, 40_000, 65_535), BytesIO()
    picture = Image.new("I;16", (4, 1))
    for at, shade in enumerate(shades):
        picture.putpixel((at, 0), shade)
    picture.save(drawn, "PNG")
    _name, media_type, kept = check_upload(sent(drawn.getvalue(), "x-quang.png"))
    with Image.open(kept) as again:
        assert (media_type, again.mode) == ("image/png", "I;16")
        assert tuple(again.getpixel((at, 0)) for at in range(4)) == shades


def test_shades_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(NotTaken, match="8"):
        receiving._written(Image.new("F", (2, 2)), "image/png")


def test_images_are_drawn_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, seen, write = [0], set(), receiving._written

    def watched(picture: Image.Image, media_type: str) -> Any:
        busy[0] += 1
        seen.add(busy[0])
        try:
            return write(picture, media_type)
        finally:
            busy[0] -= 1

    monkeypatch.setattr(receiving, "_written", watched)
    together = Barrier(4)

    def take(_which: int) -> str:
        together.wait(60)
        return check_upload(sent(image(400), "a.jpg"))[1]

    with ThreadPoolExecutor(4) as people:
        assert set(people.map(take, range(4))) == {"image/jpeg"}
    assert seen == {1}


def test_who_may_not_see_a_records_document_neither_shares_nor_deletes_it(
    patient: UUID, sign_in_staff: Callable[..., CheckingClient], bound: Any, alpha: str
) -> None:
    with bound(alpha):
        paper = Document(
            patient_id=patient, kind=DocumentKind.OTHER, title="Giấy", subject_type=DocumentSubject.RECORD,
            subject_id=new_id(),
        )  # fmt: skip
        db.session.add(paper)
        db.session.flush()
        paper_id, version = paper.id, paper.version
        with pytest.raises(Forbidden):
            delete_document(CLERK, paper_id, version, "Nhầm")
        with pytest.raises(Forbidden):
            share_document(CLERK, paper_id, version, shared=True)
    doctor, new = sign_in_staff(alpha, "doctor"), f"/h/alpha/hospital/patients/{patient}/documents"
    assert (
        post(doctor, f"{new}?record=abc", PDF, "giay.pdf", f"{new}/new", title="Giấy", kind="other").status_code == 404
    )
    assert count_files(bound) == (0, 0)
