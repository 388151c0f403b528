"""Whose data somebody may see, as the database is asked: a condition for lists, and what a page of one patient reads.

Both forms say what `rules.ground_of` says. Who asks for one patient adds `relation_columns` to the statement that reads
the patient anyway, and has `decide` judge the values: it costs no further statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind, Basis
from app.core.db import db
from app.core.errors import Forbidden
from app.core.i18n import _l
from app.core.ids import parse_id
from app.core.permissions import Bounds, Permission, Scope
from app.domain.access.models import EmergencyAccess
from app.domain.access.rules import DEPARTMENT_WINDOW, TREATING_WINDOW, Relation, ground_of
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.identity.permissions import (
    BOOK_FOR_PATIENTS,
    CHECK_IN,
    COLLECT_SPECIMENS,
    ENTER_RESULTS,
    MANAGE_CONFIDENTIALITY,
    MANAGE_PATIENT_ACCOUNTS,
    MANAGE_PRIVACY,
    VERIFY_RESULTS,
    VIEW_ACCESS_LOG,
    VIEW_APPOINTMENTS,
)
from app.domain.laboratory.models import LabOrder
from app.domain.patients.models import Confidentiality, Patient
from app.domain.prescriptions.models import Prescription
from app.domain.records.models import MedicalRecord, VitalSigns
from app.tenancy.binding import has_revision

# They show nothing clinical but what is being measured, and without them a confidential patient could not be received,
# protected, nor have anything tested.
DESPITE_CONFIDENTIALITY = frozenset(
    entry.code
    for entry in (
        CHECK_IN,
        BOOK_FOR_PATIENTS,
        VIEW_ACCESS_LOG,
        MANAGE_CONFIDENTIALITY,
        MANAGE_PATIENT_ACCOUNTS,
        MANAGE_PRIVACY,
        COLLECT_SPECIMENS,
        ENTER_RESULTS,
        VERIFY_RESULTS,
    )
)
WITH_LABORATORY = "h022"
CALLED_OFF = (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
_NOT_RESTRICTED = Patient.confidentiality == Confidentiality.NORMAL


class PatientOutOfReach(Forbidden):
    """Somebody asked for a patient whom the roles do not open to them; who may can ask for emergency access."""

    title = _l("This patient is not in your care")
    default_message = _l("Your role opens the data of patients whom you or your department treat.")
    remedy = _l("If the patient should be yours, ask the reception to book the visit with you.")

    def __init__(self, patient_id: UUID) -> None:
        self.patient_id = patient_id
        super().__init__()


@dataclass(frozen=True, slots=True)
class Ground:
    """On what ground somebody sees a patient; `acting` is who it is for the logs."""

    acting: Actor
    relation: Relation
    is_desk_only: bool = False
    emergency_until: datetime | None = None


def bounds_of(actor: Actor) -> Bounds | None:
    """Return how far an actor's permissions reach; None where nothing of it is narrowed.

    Staff of whom nothing is known are treated as narrowly as can be. Patients' own pages have rules of their own.
    """
    if actor.kind is not ActorKind.STAFF or actor.id is None:
        return None
    return actor.bounds or Bounds(actor.id)


def within_reach(actor: Actor, permission: Permission) -> sa.ColumnElement[bool]:
    """Return the condition under which a row of `patients` is of somebody whom the actor may see with a permission."""
    bounds = bounds_of(actor)
    if actor.kind is ActorKind.OPERATOR:
        return _NOT_RESTRICTED if actor.basis is Basis.SUPPORT else sa.false()
    if bounds is None:
        return sa.true()
    scope = bounds.scopes.get(permission.code, Scope.TREATING)
    despite = permission.code in DESPITE_CONFIDENTIALITY
    treated = sa.or_(_treats(bounds), _emergency(bounds).exists())
    if scope is Scope.TREATING:
        return treated
    wide = sa.true() if scope is Scope.HOSPITAL else _in_department(bounds)
    if despite:
        return wide if scope is Scope.HOSPITAL else sa.or_(wide, treated)
    return sa.or_(sa.and_(_NOT_RESTRICTED, wide), treated)


def open_to_colleagues(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition for lists of the actor's own department anyway: confidentiality alone narrows them."""
    bounds = bounds_of(actor)
    if actor.kind is ActorKind.OPERATOR:
        return _NOT_RESTRICTED if actor.basis is Basis.SUPPORT else sa.false()
    return sa.true() if bounds is None else sa.or_(_NOT_RESTRICTED, _treats(bounds), _emergency(bounds).exists())


def relation_columns(actor: Actor) -> tuple[sa.ColumnElement[Any], ...]:
    """Return what a statement that reads a row of `patients` selects besides, for `decide`."""
    restricted = Patient.confidentiality == Confidentiality.RESTRICTED
    bounds = bounds_of(actor)
    if bounds is None:
        return sa.true(), sa.false(), restricted, sa.null(), sa.null()
    standing = _emergency(bounds).order_by(EmergencyAccess.expires_at.desc()).limit(1)
    return (
        _treats(bounds),
        _in_department(bounds),
        restricted,
        standing.with_only_columns(sa.cast(EmergencyAccess.id, sa.Text)).scalar_subquery(),
        standing.with_only_columns(EmergencyAccess.expires_at).scalar_subquery(),
    )


def decide(actor: Actor, permission: Permission, patient_id: UUID, values: Sequence[Any]) -> Ground:
    """Return on what ground somebody sees a patient, by the values of `relation_columns`, or refuse."""
    treating, same_department, restricted, emergency_id, until = values
    relation = Relation(treating, same_department, restricted, emergency_id is not None)
    bounds = bounds_of(actor)
    if bounds is None:
        if actor.kind is ActorKind.OPERATOR and (restricted or actor.basis is not Basis.SUPPORT):
            raise PatientOutOfReach(patient_id)
        return Ground(actor, relation)
    scope = bounds.scopes.get(permission.code, Scope.TREATING)
    basis, desk_only = ground_of(relation, scope), False
    if basis is None and permission.code in DESPITE_CONFIDENTIALITY:
        basis, desk_only = ground_of(relation, scope, despite_confidentiality=True), True
    if basis is None:
        raise PatientOutOfReach(patient_id)
    if relation.emergency:
        grant = parse_id(emergency_id)
        return Ground(replace(actor, basis=Basis.EMERGENCY, grant_id=grant), relation, False, until)
    return Ground(replace(actor, basis=basis), relation, desk_only)


def is_within(ground: Ground, permission: Permission) -> bool:
    """Tell whether the same patient is within reach for another permission, too."""
    bounds = bounds_of(ground.acting)
    if bounds is None:
        return True
    return ground_of(ground.relation, bounds.scopes.get(permission.code, Scope.TREATING)) is not None


def authorise(actor: Actor, patient_id: UUID, permission: Permission) -> Actor:
    """Return the actor with the ground on which they act upon a patient; raises PatientOutOfReach.

    A patient who is not there is for the operation itself to miss.
    """
    if bounds_of(actor) is None and actor.kind is not ActorKind.OPERATOR:
        return actor
    row = db.session.execute(sa.select(*relation_columns(actor)).where(Patient.id == patient_id)).one_or_none()
    return actor if row is None else decide(actor, permission, patient_id, row).acting


def visiting(actor: Actor) -> Permission:
    """Return the permission by which somebody sees visits: the desk's own, where it receives patients."""
    return next((entry for entry in (CHECK_IN, BOOK_FOR_PATIENTS) if actor.may(entry.code)), VIEW_APPOINTMENTS)


def _treats(bounds: Bounds) -> sa.ColumnElement[bool]:
    since, me = clock.now() - TREATING_WINDOW, bounds.staff_id
    visits = sa.exists().where(
        Appointment.patient_id == Patient.id,
        Appointment.doctor_id == me,
        Appointment.status.not_in(CALLED_OFF),
        Appointment.starts_at > since,
    )
    written = [
        sa.exists().where(model.patient_id == Patient.id, who == me, when > since)
        for model, who, when in (
            (MedicalRecord, MedicalRecord.doctor_id, MedicalRecord.created_at),
            (Prescription, Prescription.doctor_id, Prescription.created_at),
            (VitalSigns, VitalSigns.measured_by, VitalSigns.measured_at),
        )
    ]
    ordered = [
        sa.exists().where(LabOrder.patient_id == Patient.id, LabOrder.ordered_by == me, LabOrder.ordered_at > since)
    ]  # whoever ordered a test must be able to read what comes of it
    known = (visits, *written, *(ordered if has_revision(WITH_LABORATORY) else ()))
    return sa.or_(*(one.correlate(Patient) for one in known))


def _in_department(bounds: Bounds) -> sa.ColumnElement[bool]:
    if bounds.department_id is None:
        return sa.false()
    return (
        sa.exists()
        .where(
            Appointment.patient_id == Patient.id,
            Appointment.department_id == bounds.department_id,
            Appointment.status.not_in(CALLED_OFF),
            Appointment.starts_at > clock.now() - DEPARTMENT_WINDOW,
        )
        .correlate(Patient)
    )


def _emergency(bounds: Bounds) -> sa.Select[Any]:
    return (
        sa.select(EmergencyAccess.id)
        .where(
            EmergencyAccess.patient_id == Patient.id,
            EmergencyAccess.staff_id == bounds.staff_id,
            EmergencyAccess.expires_at > clock.now(),
            EmergencyAccess.ended_at.is_(None),
        )
        .correlate(Patient)
    )
