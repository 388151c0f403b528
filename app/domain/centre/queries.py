"""Reading, bound to a hospital, what it has to tell the centre. Nothing clinical is among it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment
from app.domain.audit.delivery import SINCE, list_cursors
from app.domain.audit.outbox import find_newest
from app.domain.identity.models import StaffUser
from app.domain.patients.models import Patient, PatientMerge
from app.domain.prescriptions.models import Prescription
from app.domain.privacy.models import Erasure, ErasureState
from app.domain.records.models import MedicalRecord
from app.tenancy.binding import has_revision
from app.tenancy.index import Erased, PatientFacts
from app.tenancy.sync import ConsumerState

COUNTED: dict[str, InstrumentedAttribute[UUID]] = {
    "patients": Patient.id,
    "appointments": Appointment.id,
    "records": MedicalRecord.id,
    "prescriptions": Prescription.id,
    "staff": StaffUser.id,
}
# Below this many rows a count is a matter of milliseconds; above it, one a minute is enough.
EXACT_BELOW = 200_000
COUNTS_HOLD_SECONDS = 60.0
FRESH_SECONDS = 5.0


def read_patients(ids: Collection[UUID]) -> list[PatientFacts]:
    """Return what the index needs to know of these patients, as they are now."""
    return _facts(_patients().where(Patient.id.in_(list(ids)))) if ids else []


def read_patients_after(patient_id: UUID | None, limit: int) -> list[PatientFacts]:
    """Return the next patients in the order of their ids."""
    query = _patients().order_by(Patient.id).limit(limit)
    return _facts(query if patient_id is None else query.where(Patient.id > patient_id))


def count_rows(last: dict[str, Any] | None) -> dict[str, Any]:
    """Return the number of rows of each kind, or the last counts while they are fresh: longer in a large hospital."""
    moment = clock.now().timestamp()
    age = moment - last.get("counted_at", 0) if last else COUNTS_HOLD_SECONDS
    if last and (0 <= age < FRESH_SECONDS or (age < COUNTS_HOLD_SECONDS and _estimate() > EXACT_BELOW)):
        return last
    counts = [sa.select(sa.func.count(column)).scalar_subquery().label(name) for name, column in COUNTED.items()]
    row = db.session.execute(sa.select(*counts), bind_arguments={"mapper": Patient}).one()
    return {**row._asdict(), "counted_at": moment}


def _patients() -> sa.Select[*tuple[Any, ...]]:
    query = sa.select(
        Patient.id,
        Patient.version,
        Patient.full_name,
        Patient.cccd,
        Patient.bhyt,
        Patient.phone,
        Patient.email,
        Patient.deleted_at,
    ).where(Patient.erased_at.is_(None))
    if not has_revision(SINCE):
        return query
    return query.add_columns(PatientMerge.into_id).outerjoin(PatientMerge, PatientMerge.patient_id == Patient.id)


def _facts(query: sa.Select[*tuple[Any, ...]]) -> list[PatientFacts]:
    return [PatientFacts(*row) for row in db.session.execute(query)]


def _estimate() -> int:
    names = [column.class_.__tablename__ for column in COUNTED.values()]
    tables = sa.table("pg_class", sa.column("relname"), sa.column("reltuples"))
    query = sa.select(sa.func.sum(tables.c.reltuples)).where(tables.c.relname.in_(names))
    return int(db.session.scalar(query, bind_arguments={"mapper": Patient}) or 0)


def list_present(ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these patients the hospital has, deleted ones included, erased ones not."""
    return set(db.session.scalars(sa.select(Patient.id).where(Patient.id.in_(ids), Patient.erased_at.is_(None))))


def read_erased(ids: Collection[UUID] | None = None) -> list[Erased]:
    """Return which patients were erased or de-identified: of these, or all."""
    if ids is not None and not ids:
        return []
    query = sa.select(Erasure.patient_id, Erasure.kind, Erasure.performed_at).where(
        Erasure.state == ErasureState.PERFORMED
    )
    if ids is not None:
        query = query.where(Erasure.patient_id.in_(list(ids)))
    rows = db.session.execute(query.order_by(Erasure.performed_at)).all()
    last = {row.patient_id: Erased(row.patient_id, row.kind.value, row.performed_at) for row in rows}
    return list(last.values())


def count_patients() -> int:
    """Return how many patients there are to tell of, about."""
    query = sa.select(sa.func.count(Patient.id)).where(Patient.erased_at.is_(None))
    return db.session.scalar(query) or 0


def list_consumer_states() -> list[ConsumerState]:
    """Return how far the consumers inside the bound hospital are."""
    if not has_revision(SINCE):
        return []
    newest = find_newest()
    return [
        ConsumerState(row.consumer, row.position, newest, row.updated_at, row.failures, row.last_error)
        for row in list_cursors()
    ]
