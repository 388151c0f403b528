"""What joining must not lose, and what must not come under a registration that was closed meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from io import BytesIO
from threading import Event
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import typst
from flask import Flask
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import FileStorage

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.documents import operations
from app.domain.documents.models import Document, DocumentKind
from app.domain.documents.operations import add_document
from app.domain.documents.rules import Facts
from app.domain.files.models import File
from app.domain.identity.permissions import ADD_DOCUMENTS, VIEW_DOCUMENTS
from app.domain.messages.reminding import MessagePreference
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.merging import ErasureDecided, NotAlike, merge_patient
from app.domain.patients.models import Confidentiality, Patient, PatientRelation, RelationKind
from app.domain.privacy.erasing import decide, propose
from app.domain.privacy.models import ErasureKind
from app.domain.records.conditions import add_condition
from app.domain.records.models import ConditionStatus, MedicalRecord, PatientCondition, VitalSigns
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.integration.patients.test_joining import merge
from tests.integration.privacy.test_erasing import ONE, OTHER
from tests.support.platform import ACTOR

PDF = typst.compile({"main.typ": b"one page"})


@pytest.fixture
def pair(bound: Any, alpha: str) -> tuple[UUID, UUID]:
    """Two registrations of one person, the first of them to stay."""
    with bound(alpha):
        return factories.make_patient().id, factories.make_patient().id


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("facts", [{"confidentiality": Confidentiality.RESTRICTED}, {"deceased_on": date(2026, 1, 2)}])
def test_what_only_one_of_them_is_is_not_lost(
    bound: Any, alpha: str, pair: tuple[UUID, UUID], which: int, facts: dict[str, Any]
) -> None:
    with bound(alpha):
        one = db.session.get_one(Patient, pair[which])
        for name, value in facts.items():
            setattr(one, name, value)
    with pytest.raises(NotAlike), bound(alpha):
        merge(pair[1], pair[0])
    with bound(alpha):
        for name, value in facts.items():
            setattr(db.session.get_one(Patient, pair[1 - which]), name, value)
    with bound(alpha):
        merge(pair[1], pair[0])
        kept = db.session.get_one(Patient, pair[0])
        assert all(getattr(kept, name) == value for name, value in facts.items())


def test_nothing_is_joined_to_whom_somebody_is_about_to_erase(bound: Any, alpha: str, pair: tuple[UUID, UUID]) -> None:
    with bound(alpha):
        row = propose(ONE, pair[0], ErasureKind.DEIDENTIFY, "Theo yêu cầu")
        row_id, version = row.id, row.version
    with pytest.raises(ErasureDecided), bound(alpha):
        merge(pair[1], pair[0])
    with bound(alpha):
        decide(OTHER, pair[0], row_id, version, approve=False)
        merge(pair[1], pair[0])


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (None, (["email"], ["reminder"]), (["email"], ["reminder"])),
        (([], ["survey"]), (["email"], ["reminder"]), (["email"], ["reminder", "survey"])),
        ((["sms", "email"], []), (["email", "sms"], ["reminder"]), (["sms", "email"], ["reminder"])),
        ((["sms"], ["reminder"]), (["email"], []), (["sms"], ["reminder"])),
        ((["sms", "email"], []), None, (["sms", "email"], [])),
    ],
)
def test_what_either_did_not_want_to_be_told_stays_untold(
    bound: Any, alpha: str, pair: tuple[UUID, UUID], first: Any, second: Any, kept: Any
) -> None:
    with bound(alpha):
        for patient_id, chosen in zip(pair, (first, second), strict=True):
            if chosen:
                db.session.add(MessagePreference(patient_id=patient_id, channels=chosen[0], muted=chosen[1]))
    with bound(alpha):
        merge(pair[1], pair[0])
        row = db.session.get_one(MessagePreference, pair[0])
        assert (row.channels, sorted(row.muted)) == kept


def test_a_relative_who_stands_under_both_does_not_stand_twice(bound: Any, alpha: str, pair: tuple[UUID, UUID]) -> None:
    with bound(alpha):
        for patient_id in pair:
            db.session.add(PatientRelation(patient_id=patient_id, kind=RelationKind.MOTHER, full_name="Lê Thị Mẹ"))
    with bound(alpha):
        merge(pair[1], pair[0])
    with bound(alpha):
        rows = db.session.scalars(sa.select(PatientRelation.patient_id)).all()
        assert sorted(rows) == sorted(pair)


def test_nothing_clinical_is_written_under_a_closed_registration(
    bound: Any, alpha: str, pair: tuple[UUID, UUID]
) -> None:
    with bound(alpha):
        doctor = factories.make_staff("doctor").id
        visit = factories.make_appointment(patient_id=pair[0])
        visit_id = visit.id
        merge(pair[1], pair[0])
    now = clock.now()
    rows: list[Any] = [
        VitalSigns(patient_id=pair[1], measured_at=now, measured_by=doctor, pulse=80),
        MedicalRecord(series_id=new_id(), patient_id=pair[1], appointment_id=visit_id, doctor_id=doctor),
        PatientCondition(patient_id=pair[1], title="Hen", status=ConditionStatus.ACTIVE),
        Document(patient_id=pair[1], kind=DocumentKind.OTHER, title="Giấy"),
    ]
    for row in rows:
        with pytest.raises(DBAPIError, match="this registration is closed"), bound(alpha):
            db.session.add(row)
    with pytest.raises(PatientNotFound), bound(alpha):
        add_condition(ACTOR, pair[1], title="Hen")


def test_a_document_that_comes_while_its_patient_is_joined_is_refused_and_leaves_nothing(
    app: Flask, bound: Any, alpha: str, pair: tuple[UUID, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    received, here, go_on = operations.received, Event(), Event()
    desk = replace(ACTOR, permissions=frozenset({VIEW_DOCUMENTS.code, ADD_DOCUMENTS.code}))

    def slowly(*args: Any, **kwargs: Any) -> Any:
        here.set()
        assert go_on.wait(60)
        return received(*args, **kwargs)

    monkeypatch.setattr(operations, "received", slowly)

    def add() -> None:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            sent = FileStorage(BytesIO(PDF), "giay.pdf")
            add_document(desk, pair[1], Facts(DocumentKind.OTHER, "Giấy"), sent)

    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(add)
        assert here.wait(60)
        with bound(alpha):
            merge_patient(ACTOR, pair[1], db.session.get_one(Patient, pair[1]).version, pair[0])
        go_on.set()
        with pytest.raises(PatientNotFound):
            adding.result(60)
    with bound(alpha):
        assert db.session.scalars(sa.select(Document.id)).all() == []
        assert None not in db.session.scalars(sa.select(File.destroyed_at)).all()
