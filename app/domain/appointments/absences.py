"""Absences: times in which a doctor, though scheduled, is not there. Visits that are booked then stay until moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.appointments.models import Appointment, AppointmentStatus, DoctorSchedule, ScheduleException
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser

MOST_SHOWN = 100
LONGEST = timedelta(days=400)
LONGEST_REASON = 200


class AwayAlready(Conflict):
    title = _l("The doctor is away then already")
    default_message = _l("This time overlaps with another absence of the doctor.")


def list_absences(doctor_id: UUID, since: datetime) -> Sequence[Any]:
    """Return a doctor's absences that are not over, the first one first, each with the visits that stand in it."""
    visits = (
        sa.select(sa.func.count())
        .select_from(Appointment)
        .where(_in_the_way(ScheduleException.doctor_id, ScheduleException.starts_at, ScheduleException.ends_at))
        .correlate(ScheduleException)
        .scalar_subquery()
        .label("visits")
    )
    query = sa.select(
        ScheduleException.id, ScheduleException.starts_at, ScheduleException.ends_at, ScheduleException.reason, visits
    ).where(ScheduleException.doctor_id == doctor_id, ScheduleException.ends_at > since)
    return db.session.execute(query.order_by(ScheduleException.starts_at).limit(MOST_SHOWN)).all()


def add_absence(actor: Actor, doctor_id: UUID, starts_at: datetime, ends_at: datetime, reason: str | None) -> int:
    """Note that a doctor is not there; return how many visits are booked then. Raises InvalidValue or AwayAlready."""
    if ends_at <= starts_at:
        raise InvalidValue(_l("The end must be after the beginning."), field="until")
    if ends_at - starts_at > LONGEST:
        raise InvalidValue(_l("Choose a shorter time. End the doctor's hours instead."), field="until")
    db.session.scalars(sa.select(StaffUser.id).where(StaffUser.id == doctor_id).with_for_update()).one()
    overlapping = sa.exists().where(
        ScheduleException.doctor_id == doctor_id,
        ScheduleException.starts_at < ends_at,
        ScheduleException.ends_at > starts_at,
    )
    if db.session.scalar(sa.select(overlapping)):
        raise AwayAlready
    absence = ScheduleException(
        doctor_id=doctor_id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=" ".join((reason or "").split())[:LONGEST_REASON] or None,
        created_by=actor.id,
        updated_by=actor.id,
    )
    db.session.add(absence)
    db.session.flush()
    times = {"starts_at": [None, starts_at.isoformat()], "ends_at": [None, ends_at.isoformat()]}
    record_change(actor, "absence.add", subject_type="staff_user", subject_id=doctor_id, changes=times)
    count = sa.select(sa.func.count()).select_from(Appointment)
    return db.session.scalar(count.where(_in_the_way(doctor_id, starts_at, ends_at))) or 0


def remove_absence(actor: Actor, doctor_id: UUID, absence_id: UUID) -> None:
    """Take an absence back: the doctor is there after all. Raises NotFound."""
    query = sa.delete(ScheduleException).where(
        ScheduleException.id == absence_id, ScheduleException.doctor_id == doctor_id
    )
    starts_at = db.session.scalar(query.returning(ScheduleException.starts_at))
    if starts_at is None:
        raise NotFound
    changes = {"starts_at": [starts_at.isoformat(), None]}
    record_change(actor, "absence.remove", subject_type="staff_user", subject_id=doctor_id, changes=changes)


def list_scheduled_doctors(today: Any) -> Sequence[Any]:
    """Return who sees patients or could, with how many stretches of hours a week each has; those without come last."""
    stretches = (
        sa.select(sa.func.count())
        .select_from(DoctorSchedule)
        .where(
            DoctorSchedule.doctor_id == StaffUser.id,
            sa.or_(DoctorSchedule.valid_until.is_(None), DoctorSchedule.valid_until >= today),
        )
        .correlate(StaffUser)
        .scalar_subquery()
        .label("stretches")
    )
    away = (
        sa.select(sa.func.min(ScheduleException.starts_at))
        .where(ScheduleException.doctor_id == StaffUser.id, ScheduleException.ends_at > sa.func.now())
        .correlate(StaffUser)
        .scalar_subquery()
        .label("away_from")
    )
    query = (
        sa.select(StaffUser.id, StaffUser.full_name, StaffUser.specialization, stretches, away)
        .where(
            StaffUser.deleted_at.is_(None),
            StaffUser.disabled_at.is_(None),
            sa.or_(StaffUser.licence_number.is_not(None), stretches > 0),
        )
        .order_by((stretches == 0), StaffUser.full_name, StaffUser.id)
    )
    return db.session.execute(query.limit(500)).all()


def _in_the_way(doctor_id: Any, starts_at: Any, ends_at: Any) -> sa.ColumnElement[bool]:
    return sa.and_(
        Appointment.doctor_id == doctor_id,
        Appointment.starts_at < ends_at,
        Appointment.ends_at > starts_at,
        Appointment.status == AppointmentStatus.BOOKED,
    )
