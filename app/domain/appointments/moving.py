"""Moving a visit to another time: the same visit, with the same code, at a time that the database grants."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.appointments import rules
from app.domain.appointments.booking_turns import Wanted, explain_collision, grant_place, wait_for_turns
from app.domain.appointments.errors import NotCancellable
from app.domain.appointments.freeing import free_time, withdraw_offers
from app.domain.appointments.models import Appointment
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.messages.reminders import move_reminders, queue_news_of_move
from app.domain.patients.models import Patient


class NotMovable(Conflict):
    """The visit has begun, is over, or the patient is already there."""

    title = _l("This visit can no longer be moved here")
    default_message = _l("The visit has begun, is over or cancelled, or the patient has already checked in.")
    remedy = _l("Please speak to the reception of the hospital.")


class SameTime(InvalidValue):
    default_message = _l("The visit is at this time already. Choose another one.")


def reschedule_appointment(
    actor: Actor,
    appointment_id: UUID,
    *,
    doctor_id: UUID,
    starts_at: datetime,
    version: int,
    patient_id: UUID | None = None,
    tell: bool = True,
    held: bool = False,
) -> Appointment:
    """Move a visit that has not begun to another free time of its department; a patient reaches their own only.

    Moving again to where it stands changes nothing. Raises NotFound, StaleVersion, NotMovable, PastSlot, NoSuchSlot,
    SlotTaken with free times nearby, or OwnOverlap. The patient's reminders follow; `tell` has them told of the new
    time; `held` moves to a place that an offer has held until now. What was confirmed of the old time has to be
    confirmed anew.
    """
    if actor.kind is ActorKind.PATIENT and patient_id is None:
        raise ValueError("a patient moves only their own visits: patient_id is needed")
    found = _read(appointment_id, patient_id)
    actor = authorise(actor, found.patient_id, BOOK_FOR_PATIENTS)
    wait_for_turns({found.doctor_id, doctor_id}, found.patient_id)
    visit = _hold(appointment_id, patient_id)
    if (visit.doctor_id, visit.starts_at) == (doctor_id, starts_at):
        return visit
    try:
        rules.check_cancellable(visit.status, visit.starts_at, now=clock.now())
    except NotCancellable as error:
        raise NotMovable from error
    if visit.version != version:
        raise StaleVersion
    at_desk = actor.kind is ActorKind.STAFF
    wanted = Wanted(doctor_id, visit.department_id, starts_at, visit.type_id, beyond=held, at_desk=at_desk)
    granted = grant_place(wanted, leaving=visit)
    slot = granted.slot
    before = (visit.doctor_id, visit.starts_at, visit.ends_at)
    try:
        with db.session.begin_nested():
            visit.doctor_id, visit.starts_at, visit.ends_at = doctor_id, slot.start, slot.end
            visit.place, visit.schedule_id, visit.room_id = granted.place, granted.schedule_id, granted.room_id
            visit.confirmed_at = visit.confirmed_via = None
            visit.updated_by = actor.id
    except IntegrityError as error:
        db.session.refresh(visit)
        raise explain_collision(error, visit.patient_id, wanted, slot, moving=visit.id) from error
    withdraw_offers(visit.id, unless_before=slot.start)
    free_time(before[0], visit.department_id, before[1], before[2])
    record_change(
        actor,
        "appointment.reschedule",
        subject_type="appointment",
        subject_id=visit.id,
        patient_id=visit.patient_id,
        changes={
            "starts_at": [before[1].isoformat(), slot.start.isoformat()],
            "doctor_id": [str(before[0]), str(doctor_id)],
        },
        event={"patient_id": str(visit.patient_id), "doctor_id": str(doctor_id)},
    )
    patient = db.session.get_one(Patient, visit.patient_id)
    move_reminders(actor, visit, patient)
    if tell:
        queue_news_of_move(actor, visit, patient)
    return visit


def _read(appointment_id: UUID, patient_id: UUID | None) -> sa.Row[UUID, UUID]:
    query = sa.select(Appointment.patient_id, Appointment.doctor_id).where(Appointment.id == appointment_id)
    if patient_id is not None:
        query = query.where(Appointment.patient_id == patient_id)
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    return row


def _hold(appointment_id: UUID, patient_id: UUID | None) -> Appointment:
    """Return the visit locked; who queues a message about it at the same time is not kept waiting."""
    query = sa.select(Appointment).where(Appointment.id == appointment_id).with_for_update(key_share=True)
    if patient_id is not None:
        query = query.where(Appointment.patient_id == patient_id)
    visit = db.session.scalar(query.execution_options(populate_existing=True))
    if visit is None:
        raise NotFound
    return visit
