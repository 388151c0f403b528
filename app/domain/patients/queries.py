"""Reading patients: who somebody is, and finding them by whatever a person at the desk types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.paging import Page, offset_of
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import AllergyState, Patient, PatientAllergy, Sex
from app.domain.patients.rules import Allergy, PatientDetails, Sought, read_query

PER_PAGE = 20
COUNTED_AT_MOST = 500
ACCESS_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A patient with the allergies in force, and who changed this last."""

    id: UUID
    code: str
    full_name: str
    born_on: date
    sex: Sex
    cccd: str | None
    bhyt: str | None
    phone: str | None
    email: str | None
    province: str | None
    ward: str | None
    street: str | None
    allergy_state: AllergyState
    version: int
    updated_at: datetime
    updated_by_name: str | None
    allergies: tuple[Allergy, ...]

    @property
    def details(self) -> PatientDetails:
        """The same as the desk writes it down."""
        names = PatientDetails.__slots__
        return PatientDetails(**{name: getattr(self, name) for name in names})


_ALLERGIES = (
    sa.select(
        sa.func.array_agg(
            sa.dialects.postgresql.aggregate_order_by(
                sa.func.jsonb_build_array(PatientAllergy.substance, PatientAllergy.reaction), PatientAllergy.id
            )
        )
    )
    .where(PatientAllergy.patient_id == Patient.id, PatientAllergy.deleted_at.is_(None))
    .scalar_subquery()
)
_COLUMNS = (
    Patient.id,
    Patient.code,
    Patient.full_name,
    Patient.born_on,
    Patient.sex,
    Patient.cccd,
    Patient.bhyt,
    Patient.phone,
    Patient.email,
    Patient.province,
    Patient.ward,
    Patient.street,
    Patient.allergy_state,
    Patient.version,
    Patient.updated_at,
    StaffUser.full_name,
    _ALLERGIES,
)

_FOUND: tuple[Any, ...] = (
    Patient.id,
    Patient.code,
    Patient.full_name,
    Patient.born_on,
    Patient.sex,
    Patient.phone,
    Patient.bhyt,
    Patient.province,
    Patient.ward,
)


def get_patient(patient_id: UUID) -> PatientRow:
    """Return a patient; raises PatientNotFound. Who shows it to a person uses `open_patient`."""
    query = (
        sa.select(*_COLUMNS)
        .outerjoin(StaffUser, StaffUser.id == Patient.updated_by)
        .where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise PatientNotFound
    facts: dict[str, Any] = dict(zip(PatientRow.__slots__, row, strict=True))
    facts["allergies"] = tuple(Allergy(*pair) for pair in facts["allergies"] or ())
    return PatientRow(**facts)


def open_patient(actor: Actor, patient_id: UUID, action: str = "patient.view") -> PatientRow:
    """Return a patient for somebody to look at, and write down that they did."""
    patient = get_patient(patient_id)
    record_access(actor, action, subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return patient


def search_patients(actor: Actor, text: str, page: int = 1) -> Page[Any]:
    """Find patients by code, CCCD, insurance number, phone, or parts of the name without diacritics.

    Rows have id, code, full_name, born_on, sex, phone, bhyt, province and ward. Counting stops at COUNTED_AT_MOST.
    """
    sought = read_query(text)
    if sought.is_empty:
        return Page((), 1, PER_PAGE, 0)
    found = sa.and_(Patient.deleted_at.is_(None), _matches(sought))
    counted = sa.select(Patient.id).where(found).limit(COUNTED_AT_MOST).subquery()
    total = db.session.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one()
    rows = db.session.execute(_found_rows(sought, found).limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    record_access(
        actor, "patient.search", subject_type="patient", subject_id=None, patient_ids=[row.id for row in rows]
    )
    return Page(rows, max(page, 1), PER_PAGE, total)


def _found_rows(sought: Sought, found: sa.ColumnElement[bool]) -> sa.Select[Any]:
    order: list[Any] = [Patient.search_name, Patient.born_on, Patient.id]
    if sought.name:
        order.insert(0, Patient.search_name.startswith(sought.name, autoescape=True).desc())
    return sa.select(*_FOUND).where(found).order_by(*order)


def _matches(sought: Sought) -> sa.ColumnElement[bool]:
    if sought.name:
        return sa.and_(*(Patient.search_name.contains(word, autoescape=True) for word in sought.words))
    exact = ((Patient.code, sought.code), (Patient.cccd, sought.cccd), (Patient.bhyt, sought.bhyt))
    numbers = (*exact, (Patient.phone, sought.phone))
    return sa.or_(*(column == value for column, value in numbers if value))


def find_by_cccd(cccd: str) -> Any | None:
    """Return id, code and full_name of the patient with a CCCD number, or None."""
    query = sa.select(Patient.id, Patient.code, Patient.full_name).where(
        Patient.cccd == cccd, Patient.deleted_at.is_(None)
    )
    return db.session.execute(query).one_or_none()


def list_access(actor: Actor, patient_id: UUID, zone: str, page: int = 1) -> Page[Any]:
    """Return who has looked at a patient, one row per person, act and day: the newest first.

    Rows have actor_name, actor_kind, action, times and last_at. Lists that refresh themselves would otherwise bury
    the rest.
    """
    day = sa.func.date_trunc("day", sa.func.timezone(zone, AccessEntry.at))
    grouped = (
        sa.select(
            AccessEntry.actor_name,
            AccessEntry.actor_kind,
            AccessEntry.action,
            sa.func.count().label("times"),
            sa.func.max(AccessEntry.at).label("last_at"),
            sa.func.count().over().label("total"),
        )
        .where(AccessEntry.patient_ids.contains([patient_id]))
        .group_by(AccessEntry.actor_id, AccessEntry.actor_name, AccessEntry.actor_kind, AccessEntry.action, day)
        .order_by(sa.desc("last_at"))
        .limit(ACCESS_PER_PAGE)
        .offset(offset_of(page, ACCESS_PER_PAGE))
    )
    rows = db.session.execute(grouped).all()
    return Page(rows, max(page, 1), ACCESS_PER_PAGE, rows[0].total if rows else 0)
