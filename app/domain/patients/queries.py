"""Reading patients: who somebody is, as far as the reader may know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import Permission
from app.domain.access.fields import ALLERGIES, PATIENT_FIELDS, may_read
from app.domain.access.reach import Ground, decide, relation_columns
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import VIEW_PATIENTS
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.models import AllergyState, Confidentiality, Patient, PatientAllergy, Sex
from app.domain.patients.rules import Allergy, PatientDetails

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
    deceased_on: date | None
    inactive_at: datetime | None
    inactive_reason: str | None
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
    Patient.deceased_on,
    Patient.inactive_at,
    Patient.inactive_reason,
    _ALLERGIES,
)
_READ = tuple(PatientRow.__dataclass_fields__)[: len(_COLUMNS)]


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


def find_by_cccd(cccd: str) -> Any | None:
    """Return id, code and full_name of the patient with a CCCD number, or None."""
    query = sa.select(Patient.id, Patient.code, Patient.full_name).where(
        Patient.cccd == cccd, Patient.deleted_at.is_(None)
    )
    return db.session.execute(query).one_or_none()
