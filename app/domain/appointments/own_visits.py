"""A patient's own visits, as that patient reads them. Every query asks for the patient's id; every read is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import NotFound
from app.domain.appointments.models import Appointment, AppointmentStatus, AppointmentType
from app.domain.appointments.queries import FREED
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Department
from app.domain.records.models import DiagnosisKind, MedicalRecord, RecordDiagnosis

MOST_COMING = 20
RECENT = 3

_VISIT = (
    sa.select(
        Appointment.id,
        Appointment.code,
        Appointment.doctor_id,
        Appointment.department_id,
        Appointment.starts_at,
        Appointment.ends_at,
        Appointment.status,
        Appointment.reason,
        Appointment.version,
        Appointment.cancelled_at,
        Appointment.confirmed_at,
        AppointmentType.minutes.label("type_minutes"),
        StaffUser.full_name.label("doctor_name"),
        Department.name.label("department_name"),
        Department.name_en.label("department_name_en"),
    )
    .join(StaffUser, StaffUser.id == Appointment.doctor_id)
    .join(Department, Department.id == Appointment.department_id)
    .outerjoin(AppointmentType, AppointmentType.id == Appointment.type_id)
)
_WITH_DIAGNOSIS = (
    _VISIT.add_columns(
        MedicalRecord.id.label("record_id"),
        RecordDiagnosis.title.label("diagnosis"),
        RecordDiagnosis.title_en.label("diagnosis_en"),
    )
    .outerjoin(MedicalRecord, sa.and_(MedicalRecord.appointment_id == Appointment.id, MedicalRecord.is_current))
    .outerjoin(
        RecordDiagnosis,
        sa.and_(RecordDiagnosis.record_id == MedicalRecord.id, RecordDiagnosis.kind == DiagnosisKind.PRIMARY),
    )
)


@dataclass(frozen=True, slots=True)
class Overview:
    """What a patient's first page shows: the next visit, those after it, and the latest with a signed record."""

    next: sa.Row[*tuple[Any, ...]] | None
    later: Sequence[sa.Row[*tuple[Any, ...]]]
    recent: Sequence[sa.Row[*tuple[Any, ...]]]


def get_overview(actor: Actor, patient_id: UUID) -> Overview:
    """Return what comes next for a patient, and what was last: two queries."""
    coming = _list_coming(patient_id)
    recent = db.session.execute(
        _WITH_DIAGNOSIS.where(Appointment.patient_id == patient_id, MedicalRecord.id.is_not(None))
        .order_by(Appointment.starts_at.desc())
        .limit(RECENT)
    ).all()
    _record(actor, "own.home", None, patient_id)
    return Overview(coming[0] if coming else None, coming[1:], recent)


def list_coming_visits(actor: Actor, patient_id: UUID) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """List a patient's booked visits that are not over, the next one first."""
    coming = _list_coming(patient_id)
    _record(actor, "own.appointments", None, patient_id)
    return coming


def list_visits(
    actor: Actor, patient_id: UUID, *, limit: int, offset: int
) -> tuple[Sequence[sa.Row[*tuple[Any, ...]]], int]:
    """List a patient's visits, newest first, with the diagnosis where the record is signed; and how many there are."""
    total = db.session.scalars(
        sa.select(sa.func.count()).select_from(Appointment).where(Appointment.patient_id == patient_id)
    ).one()
    rows = db.session.execute(
        _WITH_DIAGNOSIS.where(Appointment.patient_id == patient_id)
        .order_by(Appointment.starts_at.desc(), Appointment.id)
        .limit(limit)
        .offset(offset)
    ).all()
    _record(actor, "own.record", None, patient_id)
    return rows, total


def get_own_appointment(actor: Actor, patient_id: UUID, appointment_id: UUID) -> sa.Row[*tuple[Any, ...]]:
    """Return one of a patient's own visits; raises NotFound for anybody else's."""
    row = read_own_appointment(patient_id, appointment_id)
    _record(actor, "own.appointment", appointment_id, patient_id)
    return row


def read_own_appointment(patient_id: UUID, appointment_id: UUID) -> sa.Row[*tuple[Any, ...]]:
    """Return the row of a patient's own visit for a page that records what it shows; raises NotFound."""
    row = db.session.execute(
        _VISIT.where(Appointment.id == appointment_id, Appointment.patient_id == patient_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def _list_coming(patient_id: UUID) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    return db.session.execute(
        _VISIT.where(
            Appointment.patient_id == patient_id,
            Appointment.ends_at > clock.now(),
            Appointment.status.not_in((*FREED, AppointmentStatus.COMPLETED)),
        )
        .order_by(Appointment.starts_at)
        .limit(MOST_COMING)
    ).all()


def _record(actor: Actor, action: str, appointment_id: UUID | None, patient_id: UUID) -> None:
    record_access(
        actor,
        action,
        subject_type="appointment" if appointment_id else "patient",
        subject_id=appointment_id or patient_id,
        patient_ids=[patient_id],
    )
