"""What is signed refuses changes in the database too, whoever asks in the application's role."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.domain.appointments.models import AppointmentStatus
from app.domain.prescriptions.doses import parse_dose
from app.domain.prescriptions.models import Medicine
from app.domain.prescriptions.operations import add_item
from app.domain.records.errors import SignedIsFinal, signed_is_final
from app.domain.records.models import MedicalRecord
from app.domain.records.operations import add_diagnosis, fingerprint_of, start_consultation
from app.domain.records.rules import Note
from app.domain.records.signing import sign_record
from app.tenancy.binding import bind_hospital
from tests import factories

CHANGES = [
    "UPDATE medical_records SET plan = 'x'",
    "UPDATE medical_records SET status = 'draft', signed_at = NULL, signed_by = NULL, is_current = false",
    "UPDATE medical_records SET is_current = false",
    "DELETE FROM medical_records",
    "UPDATE record_diagnoses SET code = 'I10'",
    "DELETE FROM record_diagnoses",
    "INSERT INTO record_diagnoses (id, record_id, code, title, title_en, kind)"
    " SELECT gen_random_uuid(), id, 'I10', 't', 't', 'secondary' FROM medical_records",
    "UPDATE prescriptions SET note = 'x'",
    "DELETE FROM prescriptions",
    "UPDATE prescription_items SET days = 30",
    "DELETE FROM prescription_items",
]


@pytest.fixture
def signed(bound, alpha):
    """A signed record with a diagnosis and a medicine."""
    with bound(alpha):
        doctor = factories.make_staff("doctor")
        visit = factories.make_appointment(
            doctor_id=doctor.id, status=AppointmentStatus.ARRIVED, arrived_at=clock.now()
        )
        actor = Actor(ActorKind.STAFF, doctor.id, doctor.full_name)
        record = start_consultation(actor, visit.id)
        add_diagnosis(actor, record.id, "J02.9")
        medicine = db.session.scalars(sa.select(Medicine.id).limit(1)).one()
        add_item(actor, record.id, medicine, dose=parse_dose("1", "2", "5"))
        seen = fingerprint_of(record.id)
        note = Note(complaint=visit.reason, assessment="Viêm họng cấp")
        sign_record(actor, record.id, version=record.version, was=Note(), note=note, seen=seen)
        return record.id


@pytest.mark.parametrize("statement", CHANGES)
def test_the_database_refuses_to_change_what_is_signed(app, alpha, signed, statement) -> None:
    with app.app_context(), bind_hospital(alpha):
        connection = db.session.connection(bind_arguments={"mapper": MedicalRecord})
        with pytest.raises(DBAPIError) as refused:
            connection.execute(sa.text(statement))
        db.session.rollback()
    assert refused.value.orig.sqlstate in ("VI002", "42501"), "by the trigger, or for want of the privilege"


def test_the_refusal_becomes_an_error_that_says_what_to_do(app, alpha, signed) -> None:
    with app.app_context(), bind_hospital(alpha):
        with pytest.raises(SignedIsFinal), signed_is_final():
            db.session.execute(sa.update(MedicalRecord).where(MedicalRecord.id == signed).values(plan="x"))
        db.session.rollback()
