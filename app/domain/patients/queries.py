"""Reading patients: who somebody is, and finding them by whatever a person at the desk types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.permissions import Permission
from app.domain.access.fields import ADDRESS, ALLERGIES, BHYT, PATIENT_FIELDS, PHONE, may_read
from app.domain.access.reach import Ground, decide, relation_columns, within_reach
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_PATIENTS
from app.domain.paging import Page, offset_of
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import AllergyState, Confidentiality, Patient, PatientAllergy, Sex
from app.domain.patients.rules import Allergy, PatientDetails, Sought, read_query

PER_PAGE = 20
COUNTED_AT_MOST = 500
# Which columns a protected field closes.
COLUMNS_OF = {
    "patient.cccd": ("cccd",),
    "patient.bhyt": ("bhyt",),
    "patient.phone": ("phone",),
    "patient.email": ("email",),
    "patient.address": ("province", "ward", "street"),
    "patient.allergies": ("allergy_state", "allergies"),
}


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
    confidentiality: Confidentiality
    allergies: tuple[Allergy, ...]
    hidden: frozenset[str] = frozenset()
    emergency_until: datetime | None = None
    emergency_id: UUID | None = None

    @property
    def is_restricted(self) -> bool:
        """Tell whether the patient's data is open to treating staff only."""
        return self.confidentiality is Confidentiality.RESTRICTED

    def hides(self, field: str) -> bool:
        """Tell whether a field of the patient is not shown to the reader."""
        return f"patient.{field}" in self.hidden

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
    Patient.confidentiality,
    _ALLERGIES,
)
_READ = tuple(PatientRow.__dataclass_fields__)[: len(_COLUMNS)]

# What a search shows, and the field that closes it. Code, name, birth and sex show whom one has found.
_FOUND: tuple[tuple[Any, str | None], ...] = (
    (Patient.id, None),
    (Patient.code, None),
    (Patient.full_name, None),
    (Patient.born_on, None),
    (Patient.sex, None),
    (Patient.phone, PHONE.code),
    (Patient.bhyt, BHYT.code),
    (Patient.province, ADDRESS.code),
    (Patient.ward, ADDRESS.code),
)


class Seen(NamedTuple):
    """A patient as somebody may read them, and on what ground."""

    patient: PatientRow
    ground: Ground


def get_patient(patient_id: UUID) -> PatientRow:
    """Return a patient with everything; raises PatientNotFound. Who shows it to a person uses `open_patient`."""
    return _row_from(_select_patient(patient_id))


def read_patient(actor: Actor, patient_id: UUID, permission: Permission = VIEW_PATIENTS) -> Seen:
    """Return a patient as somebody with a permission may read them; raises PatientNotFound or PatientOutOfReach.

    Who shows it writes down that they did, as `ground.acting`.
    """
    *facts, treating, department, restricted, grant, until = _select_patient(patient_id, *relation_columns(actor))
    ground = decide(actor, permission, patient_id, (treating, department, restricted, grant, until))
    patient = replace(
        _row_from(facts),
        emergency_until=ground.emergency_until,
        emergency_id=ground.acting.grant_id if ground.emergency_until else None,
    )
    return Seen(_masked(patient, actor, everything=ground.is_desk_only), ground)


def open_patient(
    actor: Actor, patient_id: UUID, action: str = "patient.view", permission: Permission = VIEW_PATIENTS
) -> PatientRow:
    """Return a patient for somebody to look at, and write down that they did."""
    patient, ground = read_patient(actor, patient_id, permission)
    record_access(ground.acting, action, subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return patient


def _select_patient(patient_id: UUID, *further: Any) -> Sequence[Any]:
    query = (
        sa.select(*_COLUMNS, *further)
        .outerjoin(StaffUser, StaffUser.id == Patient.updated_by)
        .where(Patient.id == patient_id, Patient.deleted_at.is_(None))
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise PatientNotFound
    return row


def _row_from(values: Sequence[Any]) -> PatientRow:
    facts: dict[str, Any] = dict(zip(_READ, values, strict=True))
    facts["allergies"] = tuple(Allergy(*pair) for pair in facts["allergies"] or ())
    return PatientRow(**facts)


def _masked(patient: PatientRow, actor: Actor, *, everything: bool) -> PatientRow:
    """Return the patient without what the reader's roles hide."""
    hidden = frozenset(each.code for each in PATIENT_FIELDS if everything or not may_read(actor, each.code))
    empty: dict[str, Any] = {name: None for code in hidden for name in COLUMNS_OF[code]}
    if ALLERGIES.code in hidden:
        empty |= {"allergies": (), "allergy_state": AllergyState.NOT_RECORDED}
    return replace(patient, hidden=hidden, **empty) if hidden else patient


def search_patients(actor: Actor, text: str, page: int = 1) -> Page[Any]:
    """Find patients by code, CCCD, insurance number, phone, or parts of the name without diacritics.

    Rows have id, code, full_name, born_on, sex, phone, bhyt, province, ward, and whether they are within the person's
    reach; of others only who they are is shown. Counting stops at COUNTED_AT_MOST.
    """
    sought = read_query(text)
    if sought.is_empty:
        return Page((), 1, PER_PAGE, 0)
    within = within_reach(actor, VIEW_PATIENTS)
    found = sa.and_(Patient.deleted_at.is_(None), _matches(sought))
    if actor.kind is ActorKind.OPERATOR:
        found = sa.and_(found, within)
    elif sought.name:  # a name alone does not tell that the hospital knows a confidential patient
        found = sa.and_(found, sa.or_(Patient.confidentiality == Confidentiality.NORMAL, within))
    counted = sa.select(Patient.id).where(found).limit(COUNTED_AT_MOST).subquery()
    total = db.session.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one()
    query = _found_rows(actor, sought, found, within).limit(PER_PAGE).offset(offset_of(page, PER_PAGE))
    rows = db.session.execute(query).all()
    record_access(
        actor, "patient.search", subject_type="patient", subject_id=None, patient_ids=[row.id for row in rows]
    )
    return Page(rows, max(page, 1), PER_PAGE, total)


def _found_rows(
    actor: Actor, sought: Sought, found: sa.ColumnElement[bool], within: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    order: list[Any] = [Patient.search_name, Patient.born_on, Patient.id]
    if sought.name:
        order.insert(0, Patient.search_name.startswith(sought.name, autoescape=True).desc())
    shown = [
        column if code is None else _shown(column, within if may_read(actor, code) else sa.false())
        for column, code in _FOUND
    ]
    return sa.select(*shown, within.label("is_within")).where(found).order_by(*order)


def _shown(column: Any, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    """Return a column that is empty in the rows for which a condition does not hold."""
    return sa.case((condition, column), else_=sa.null()).label(column.key)


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
