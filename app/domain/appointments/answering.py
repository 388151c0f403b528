"""A patient's word that they will come, or will not: by link, by SMS, in the portal or told at the desk.

Whoever comes by a link or a text message has not signed in: the link or the number is all that is known of them, so
they see when a visit is and nothing else of it, and reach that one visit alone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.appointments.models import Appointment, AppointmentStatus, ConfirmedVia
from app.domain.appointments.operations import cancel_appointment
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.permissions import BOOK_FOR_PATIENTS


class Answerable(enum.StrEnum):
    """What can still be said about a visit, or why nothing can."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    MOVED = "moved"
    HERE = "here"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class AskedVisit:
    """A visit as somebody sees it who has not signed in."""

    id: UUID
    code: str
    starts_at: datetime
    state: Answerable


class NotToBeConfirmed(Conflict):
    title = _l("This visit cannot be confirmed any more")
    default_message = _l("The visit was cancelled or moved, has begun, or is over.")
    remedy = _l("Please speak to the reception of the hospital.")


def look_up_visit(actor: Actor, appointment_id: UUID, starts_at: datetime) -> AskedVisit:
    """Return the visit of a link that was signed for one time of it; raises NotFound."""
    row = db.session.execute(
        sa.select(
            Appointment.id,
            Appointment.code,
            Appointment.patient_id,
            Appointment.starts_at,
            Appointment.status,
            Appointment.confirmed_at,
        ).where(Appointment.id == appointment_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    record_access(actor, "visit.by_link", subject_type="appointment", subject_id=row.id, patient_ids=[row.patient_id])
    return AskedVisit(row.id, row.code, row.starts_at, _state(row, starts_at))


def confirm_visit(
    actor: Actor,
    appointment_id: UUID,
    via: ConfirmedVia,
    *,
    starts_at: datetime | None = None,
    patient_id: UUID | None = None,
) -> bool:
    """Note that the patient will come; False where that was known. Raises NotFound, or NotToBeConfirmed.

    `starts_at` is the time for which they say so; `patient_id` whose visit it must be.
    """
    visit = _hold(appointment_id, patient_id)
    actor = authorise(actor, visit.patient_id, BOOK_FOR_PATIENTS)
    state = _state(visit, starts_at or visit.starts_at)
    if state is Answerable.CONFIRMED:
        return False
    if state is not Answerable.OPEN:
        raise NotToBeConfirmed
    # Not by the session: it would make a page of the desk stale that nobody changed anything of.
    db.session.execute(
        sa.update(Appointment)
        .where(Appointment.id == visit.id)
        .values(confirmed_at=clock.now(), confirmed_via=via)
        .execution_options(synchronize_session="fetch")
    )
    record_change(
        actor,
        "appointment.confirm",
        subject_type="appointment",
        subject_id=visit.id,
        patient_id=visit.patient_id,
        changes={"confirmed_via": [None, via.value]},
        event={"patient_id": str(visit.patient_id), "doctor_id": str(visit.doctor_id)},
    )
    return True


def call_off_visit(actor: Actor, appointment_id: UUID, starts_at: datetime, via: ConfirmedVia) -> Appointment:
    """Cancel a visit for who answered that they will not come; cancelling twice changes nothing.

    Raises NotFound, NotCancellable, or NotToBeConfirmed where the visit has another time than they answered for.
    """
    visit = _hold(appointment_id, None)
    if visit.status is AppointmentStatus.CANCELLED:
        return visit
    if visit.starts_at != starts_at:
        raise NotToBeConfirmed
    try:
        return cancel_appointment(actor, visit.id, None, visit.version, patient_id=visit.patient_id)
    except StaleVersion as error:  # the row is locked: nobody was in between
        raise AssertionError from error


def _hold(appointment_id: UUID, patient_id: UUID | None) -> Appointment:
    query = sa.select(Appointment).where(Appointment.id == appointment_id).with_for_update(key_share=True)
    if patient_id is not None:
        query = query.where(Appointment.patient_id == patient_id)
    visit = db.session.scalar(query.execution_options(populate_existing=True))
    if visit is None:
        raise NotFound
    return visit


def _state(visit: object, starts_at: datetime) -> Answerable:
    status: AppointmentStatus = visit.status  # type: ignore[attr-defined]
    at: datetime = visit.starts_at  # type: ignore[attr-defined]
    if status is AppointmentStatus.CANCELLED:
        return Answerable.CANCELLED
    if status in (AppointmentStatus.ARRIVED, AppointmentStatus.IN_PROGRESS):
        return Answerable.HERE
    if status is not AppointmentStatus.BOOKED or at <= clock.now():
        return Answerable.OVER
    if at != starts_at:
        return Answerable.MOVED
    return Answerable.CONFIRMED if visit.confirmed_at else Answerable.OPEN  # type: ignore[attr-defined]
