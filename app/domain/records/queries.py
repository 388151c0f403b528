"""Reading records: one with everything that belongs to it, its versions, and a patient's chart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.core.actor import Actor
from app.core.db import db
from app.domain.access.fields import COMPLAINT, MEDICINES, REASON, may_read
from app.domain.access.reach import is_within
from app.domain.appointments.models import Appointment
from app.domain.appointments.visits import list_visits
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_RECORDS
from app.domain.organisation.models import Department
from app.domain.patients.queries import PatientRow, read_patient
from app.domain.prescriptions.queries import list_items, list_prescriptions
from app.domain.records.errors import RecordNotFound
from app.domain.records.hiding import hidden_texts, without, without_texts
from app.domain.records.models import MedicalRecord, RecordDiagnosis, RecordStatus
from app.domain.records.rules import NOTE_FIELDS, Note, note_from
from app.domain.records.vitals import list_vitals

SHOWN_IN_CHART = 20
SHOWN_VITALS = 12

_SAVER = aliased(StaffUser)


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """One version of a record as a page shows it."""

    row: Any
    note: Note
    patient: PatientRow
    diagnoses: list[Any]
    items: list[Any]
    versions: list[Any]
    vitals: list[Any]
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chart:
    """What a patient's page shows; the clinical lists stay empty for who may not read records."""

    patient: PatientRow
    visits: list[Any]
    is_clinical: bool = False
    records: list[Any] = field(default_factory=list)
    vitals: list[Any] = field(default_factory=list)
    prescriptions: list[Any] = field(default_factory=list)


def open_record(actor: Actor, record_id: UUID) -> OpenRecord:
    """Return a record for somebody to read or write in, and write down that they did.

    Raises RecordNotFound, or PatientOutOfReach.
    """
    opened, acting = _open(actor, record_id)
    patient_id = opened.row.patient_id
    record_access(acting, "record.view", subject_type="medical_record", subject_id=record_id, patient_ids=[patient_id])
    return opened


def reopen_record(actor: Actor, record_id: UUID) -> OpenRecord:
    """Return a record to whoever has just written in it on a page that shows it: no new look to write down."""
    return _open(actor, record_id)[0]


def _open(actor: Actor, record_id: UUID) -> tuple[OpenRecord, Actor]:
    row = _get_row(record_id)
    patient, ground = read_patient(actor, row.patient_id, VIEW_RECORDS)
    hidden = hidden_texts(actor)
    opened = OpenRecord(
        row=without_texts(row, hidden if may_read(actor, REASON.code) else hidden | {REASON.name}),
        note=without(note_from(row), hidden),
        patient=patient,
        diagnoses=list_diagnoses(record_id),
        items=list_items(record_id) if may_read(actor, MEDICINES.code) else [],
        versions=[without_texts(version, hidden) for version in list_versions(row.series_id)],
        vitals=list_vitals(row.patient_id, SHOWN_VITALS),
        hidden=hidden,
    )
    return opened, ground.acting


def open_chart(actor: Actor, patient_id: UUID) -> Chart:
    """Return a patient's chart for somebody to read, and write down that they did; raises PatientNotFound."""
    patient, ground = read_patient(actor, patient_id)
    visits = list_visits(patient_id, SHOWN_IN_CHART, with_reason=may_read(actor, REASON.code))
    record_access(
        ground.acting, "patient.view", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id]
    )
    if not actor.may(VIEW_RECORDS.code) or not is_within(ground, VIEW_RECORDS):
        return Chart(patient, visits)
    return Chart(
        patient,
        visits,
        records=_list_records(patient_id, SHOWN_IN_CHART, with_complaint=may_read(actor, COMPLAINT.code)),
        vitals=list_vitals(patient_id, SHOWN_VITALS),
        prescriptions=list_prescriptions(patient_id, SHOWN_IN_CHART) if may_read(actor, MEDICINES.code) else [],
        is_clinical=True,
    )


def list_diagnoses(record_id: UUID) -> list[Any]:
    """Return a record's diagnoses, the primary one first."""
    query = (
        sa.select(
            RecordDiagnosis.id,
            RecordDiagnosis.code,
            RecordDiagnosis.title,
            RecordDiagnosis.title_en,
            RecordDiagnosis.kind,
        )
        .where(RecordDiagnosis.record_id == record_id)
        .order_by(RecordDiagnosis.kind, RecordDiagnosis.position, RecordDiagnosis.id)
    )
    return list(db.session.execute(query).all())


def list_versions(series_id: UUID) -> list[Any]:
    """Return the versions of a record, the newest first: who, when, why, and the texts to compare."""
    notes = [getattr(MedicalRecord, name) for name in NOTE_FIELDS]
    query = (
        sa.select(
            MedicalRecord.id,
            MedicalRecord.number,
            MedicalRecord.status,
            MedicalRecord.is_current,
            MedicalRecord.amendment_reason,
            MedicalRecord.signed_at,
            MedicalRecord.created_at,
            StaffUser.full_name.label("doctor_name"),
            *notes,
        )
        .join(StaffUser, StaffUser.id == MedicalRecord.doctor_id)
        .where(MedicalRecord.series_id == series_id)
        .order_by(MedicalRecord.number.desc())
        .limit(50)
    )
    return list(db.session.execute(query).all())


def _get_row(record_id: UUID) -> Any:
    columns = [column for column in sa.inspect(MedicalRecord).columns if column.key != "created_by"]
    query = (
        sa.select(
            *columns,
            StaffUser.full_name.label("doctor_name"),
            _SAVER.full_name.label("saved_by_name"),
            Department.name.label("department_name"),
            Appointment.department_id,
            Appointment.code.label("appointment_code"),
            Appointment.starts_at,
            Appointment.reason,
        )
        .join(StaffUser, StaffUser.id == MedicalRecord.doctor_id)
        .outerjoin(_SAVER, _SAVER.id == MedicalRecord.updated_by)
        .join(Appointment, Appointment.id == MedicalRecord.appointment_id)
        .join(Department, Department.id == Appointment.department_id)
        .where(MedicalRecord.id == record_id)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise RecordNotFound
    return row


def _list_records(patient_id: UUID, limit: int, *, with_complaint: bool) -> list[Any]:
    primary = (
        sa.select(sa.func.concat_ws(" ", RecordDiagnosis.code, RecordDiagnosis.title))
        .where(RecordDiagnosis.record_id == MedicalRecord.id, RecordDiagnosis.kind == "primary")
        .scalar_subquery()
    )
    query = (
        sa.select(
            MedicalRecord.id,
            MedicalRecord.number,
            MedicalRecord.status,
            MedicalRecord.signed_at,
            MedicalRecord.created_at,
            MedicalRecord.complaint if with_complaint else sa.literal("").label("complaint"),
            StaffUser.full_name.label("doctor_name"),
            Department.name.label("department_name"),
            primary.label("diagnosis"),
        )
        .join(StaffUser, StaffUser.id == MedicalRecord.doctor_id)
        .join(Appointment, Appointment.id == MedicalRecord.appointment_id)
        .join(Department, Department.id == Appointment.department_id)
        .where(MedicalRecord.patient_id == patient_id, MedicalRecord.status != RecordStatus.AMENDED)
        .order_by(MedicalRecord.created_at.desc())
        .limit(limit)
    )
    return list(db.session.execute(query).all())
