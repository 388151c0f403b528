"""A few days of a hospital, whose figures can be counted in one's head."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import AppointmentStatus, BookedVia
from app.domain.records.models import DiagnosisKind, MedicalRecord, RecordDiagnosis, RecordStatus
from app.domain.reports.refreshing import refresh_view, view_names
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient, make_staff
from tests.factories.people import department_id

# Half past midnight in Vietnam, which is still the day before in UTC.
NIGHT = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)
MINUTES = timedelta(minutes=1)


def seen(doctor: UUID, starts: datetime, waited: int, **facts: Any) -> UUID:
    """Make a visit that took ten minutes after a wait."""
    visit = make_appointment(
        doctor_id=doctor,
        starts_at=starts,
        **{
            "status": AppointmentStatus.COMPLETED,
            "arrived_at": starts - waited * MINUTES,
            "started_at": starts,
            "finished_at": starts + 10 * MINUTES,
            **facts,
        },
    )
    return visit.id


def diagnose(visit_id: UUID, patient_id: UUID, doctor: UUID, *codes: str) -> None:
    """Make a signed record with a main diagnosis and others."""
    record = MedicalRecord(
        series_id=visit_id, patient_id=patient_id, appointment_id=visit_id, doctor_id=doctor, status=RecordStatus.DRAFT
    )
    db.session.add(record)
    db.session.flush()
    for position, code in enumerate(codes):
        kind = DiagnosisKind.SECONDARY if position else DiagnosisKind.PRIMARY
        facts = {"record_id": record.id, "code": code, "title": code, "title_en": code, "position": position}
        db.session.add(RecordDiagnosis(**facts, kind=kind))
    db.session.flush()
    record.status, record.is_current = RecordStatus.SIGNED, True
    record.signed_at, record.signed_by = NIGHT, doctor
    db.session.flush()


@pytest.fixture
def days(bound: Callable[[str], Any], alpha: str) -> dict[str, UUID]:
    """Two departments, two doctors, six visits on the second and third of March."""
    with bound(alpha):
        one = make_staff("doctor", department="NOI", full_name="Bác sĩ Một").id
        two = make_staff("doctor", department="NHI", full_name="Bác sĩ Hai").id
        child, adult = make_patient(born_on=NIGHT.date().replace(year=2023)), make_patient(sex="female")
        children = department_id("NHI")
        first = seen(one, NIGHT, 10, patient_id=adult.id, booked_via=BookedVia.PATIENT_PORTAL)
        diagnose(first, adult.id, one, "I10", "E11.9")
        seen(one, NIGHT + 60 * MINUTES, 50, patient_id=child.id)
        seen(two, NIGHT + timedelta(days=1), 20, patient_id=child.id, department_id=children)
        status = AppointmentStatus
        make_appointment(doctor_id=one, starts_at=NIGHT + 120 * MINUTES, status=status.CANCELLED)
        make_appointment(doctor_id=one, starts_at=NIGHT + 180 * MINUTES, status=status.NO_SHOW)
        make_appointment(doctor_id=one, starts_at=NIGHT + 240 * MINUTES)
        return {"one": one, "two": two, "NOI": department_id("NOI"), "NHI": children, "first": first}


@pytest.fixture
def count(app: Flask) -> Callable[[str], None]:
    """`count("alpha")`: have the hospital's figures counted as the job does."""

    def run(code: str) -> None:
        with app.app_context(), bind_hospital(code):
            for view in view_names():
                with unit_of_work():
                    refresh_view(view)

    return run
