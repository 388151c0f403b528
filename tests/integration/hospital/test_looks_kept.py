"""A page that says what is wrong may show a patient: who has looked stays on record although nothing else is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.patients.models import Confidentiality, PatientRelation, RelationKind
from tests import factories
from tests.support.client import CheckingClient

HOME = "/h/alpha/hospital"
SignIn = Callable[..., CheckingClient]


@pytest.fixture
def hidden(bound: Any, alpha: str) -> UUID:
    """A confidential patient with a telephone."""
    with bound(alpha):
        patient = factories.make_patient(full_name="Người Kín Đáo", phone="+84912345678")
        patient.confidentiality = Confidentiality.RESTRICTED
        return patient.id


def looks(bound: Any, patient_id: UUID, action: str) -> list[UUID | None]:
    """Return who has looked at a patient in one way."""
    with bound("alpha"):
        query = sa.select(AccessEntry.actor_id).where(AccessEntry.action == action)
        return list(db.session.scalars(query.where(AccessEntry.patient_ids.contains([patient_id]))))


def test_a_refused_registration_that_lists_somebody_is_on_record(
    bound: Any, alpha: str, hidden: UUID, sign_in_staff: SignIn
) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    typed = {"full_name": "Người Kín Đáo", "born_on": "15031984", "sex": "female", "phone": "0912345678",
             "allergy_state": "not_recorded"}  # fmt: skip
    answer = desk.submit(f"{HOME}/patients", typed, page=f"{HOME}/patients/new")
    assert (answer.status_code, "Người Kín Đáo" in answer.text) == (422, True)
    assert looks(bound, hidden, "patient.search") == [desk.person["id"]]


def test_a_form_that_is_asked_back_is_on_record_once(bound: Any, alpha: str, sign_in_staff: SignIn) -> None:
    with bound(alpha):
        patient_id = factories.make_patient().id
    clerk = sign_in_staff(alpha, "receptionist")
    page = f"{HOME}/patients/{patient_id}/state"
    token = clerk.csrf_token(f"{HOME}/patients/new")
    assert clerk.post(f"{page}/death", data={"csrf_token": token}).status_code == 422
    assert looks(bound, patient_id, "patient.edit") == [clerk.person["id"]]


def test_what_is_committed_is_on_record_once(bound: Any, alpha: str, sign_in_staff: SignIn) -> None:
    with bound(alpha):
        known = factories.make_patient(full_name="Bùi Thị Sáu", phone="+84987654321").id
    desk = sign_in_staff(alpha, "receptionist")
    typed = {"full_name": "Lê Văn Khác", "born_on": "01021990", "sex": "male", "phone": "0987654321",
             "allergy_state": "not_recorded"}  # fmt: skip
    assert desk.submit(f"{HOME}/patients", typed, page=f"{HOME}/patients/new").status_code == 303
    assert looks(bound, known, "patient.search") == [desk.person["id"]]


def test_relatives_and_joined_registrations_that_are_shown_are_on_record(
    bound: Any, alpha: str, sign_in_staff: SignIn
) -> None:
    with bound(alpha):
        child, mother, second = (factories.make_patient() for _ in range(3))
        ids = child.id, mother.id, second.id
        db.session.add(PatientRelation(patient_id=child.id, related_id=mother.id, kind=RelationKind.MOTHER))
        version = second.version
    desk = sign_in_staff(alpha, "receptionist")
    assert desk.get(f"{HOME}/patients/{ids[0]}/relations").status_code == 200
    assert looks(bound, ids[1], "patient.relations") == [desk.person["id"]]
    page = f"{HOME}/patients/{ids[2]}/merge"
    assert desk.submit(page, {"into": str(ids[0]), "version": str(version)}, page=page).status_code == 303
    before = len(looks(bound, ids[2], "patient.merge"))
    assert desk.get(f"{HOME}/patients/{ids[0]}/merge").status_code == 200
    assert len(looks(bound, ids[2], "patient.merge")) == before + 1
