"""Queue tickets: made at check-in, called, called again, missed, done. Whoever calls is asked for the department.

Two people who call at the same time call two patients: what one holds the other passes by.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.core.permissions import Scope
from app.domain.access.reach import bounds_of
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import CALL_PATIENTS
from app.domain.organisation.models import Setting
from app.domain.patients.models import Patient
from app.domain.queueing.models import Priority, QueueTicket, TicketState
from app.domain.queueing.rules import CALLABLE, RANKS, QueueRules, priority_by_age
from app.tenancy.binding import bound_hospital

SETTING = "queue"
LONGEST_ROOM = 20
TO_THE_HOSPITAL = {"mapper": QueueTicket}


class NobodyWaits(Conflict):
    title = _l("Nobody is waiting")
    default_message = _l("There is nobody left to call. Somebody else may have called the last one a moment ago.")


class TicketClosed(Conflict):
    title = _l("This number is closed")
    default_message = _l("The number was already finished, or the patient is with the doctor.")


class OtherDepartment(Forbidden):
    title = _l("This queue belongs to another department")
    default_message = _l("Your role lets you call patients of your own department.")


class TicketNotFound(NotFound):
    title = _l("Number not found")
    default_message = _l("This hospital has no such queue number today.")


def make_ticket(actor: Actor, visit: Appointment, priority: Priority | None = None) -> QueueTicket:
    """Give a visit whose patient has arrived the next number of its department's day."""
    day, now = today(), clock.now()
    if priority is None:
        born_on = db.session.scalars(sa.select(Patient.born_on).where(Patient.id == visit.patient_id)).one()
        priority = priority_by_age(born_on, day, read_rules())
    ticket = QueueTicket(
        appointment_id=visit.id,
        patient_id=visit.patient_id,
        department_id=visit.department_id,
        day=day,
        number=_next_number(visit.department_id, day),
        priority=priority,
        queued_at=now,
        created_by=actor.id,
        updated_by=actor.id,
    )
    db.session.add(ticket)
    db.session.flush()
    return ticket


def call_next(actor: Actor, department_id: UUID, room: str, *, doctor_id: UUID | None = None) -> QueueTicket:
    """Call who comes next in a department, or next to one of its doctors; raises NobodyWaits or OtherDepartment."""
    check_department(actor, department_id)
    room = read_room(room)
    query = (
        sa.select(QueueTicket)
        .join(Appointment, Appointment.id == QueueTicket.appointment_id)
        .where(
            QueueTicket.department_id == department_id,
            QueueTicket.day == today(),
            QueueTicket.state == TicketState.WAITING,
            Appointment.status == AppointmentStatus.ARRIVED,
        )
        .order_by(sa.case(RANKS, value=QueueTicket.priority), QueueTicket.queued_at, QueueTicket.number)
        .limit(1)
        .with_for_update(of=QueueTicket, skip_locked=True)
    )
    if doctor_id is not None:
        query = query.where(Appointment.doctor_id == doctor_id)
    ticket = db.session.scalars(query).one_or_none()
    if ticket is None:
        raise NobodyWaits
    return _call(actor, ticket, room)


def call_ticket(actor: Actor, ticket_id: UUID, version: int, room: str) -> QueueTicket:
    """Call one number, for the first time or again; raises TicketClosed, OtherDepartment or StaleVersion."""
    ticket = _hold(actor, ticket_id, version)
    if ticket.state not in CALLABLE:
        raise TicketClosed
    return _call(actor, ticket, read_room(room))


def miss_ticket(actor: Actor, ticket_id: UUID, version: int) -> None:
    """Note that who was called did not come; raises TicketClosed where nobody was called."""
    ticket = _hold(actor, ticket_id, version)
    if ticket.state is not TicketState.CALLED:
        raise TicketClosed
    _close(actor, ticket, TicketState.MISSED, "queue.miss")


def finish_ticket(actor: Actor, ticket_id: UUID, version: int) -> None:
    """Note that who was called has come; raises TicketClosed where nobody was called."""
    ticket = _hold(actor, ticket_id, version)
    if ticket.state is not TicketState.CALLED:
        raise TicketClosed
    _close(actor, ticket, TicketState.DONE, "queue.finish")


def queue_again(actor: Actor, ticket_id: UUID, version: int) -> None:
    """Let who was missed or called too early wait again, behind those who have waited meanwhile."""
    ticket = _hold(actor, ticket_id, version)
    if ticket.state not in (TicketState.MISSED, TicketState.CALLED):
        raise TicketClosed
    ticket.state, ticket.queued_at, ticket.closed_at = TicketState.WAITING, clock.now(), None
    _note(actor, ticket, "queue.return", ["state"])


def change_priority(actor: Actor, ticket_id: UUID, version: int, priority: Priority) -> None:
    """Let a number be called earlier or later; raises TicketClosed where it does not wait."""
    ticket = _hold(actor, ticket_id, version)
    if ticket.state is not TicketState.WAITING:
        raise TicketClosed
    if ticket.priority is not priority:
        ticket.priority = priority
        _note(actor, ticket, "queue.rank", ["priority"])


def read_rules() -> QueueRules:
    """Return who comes before others in this hospital."""
    value = db.session.scalar(sa.select(Setting.value).where(Setting.key == SETTING))
    return QueueRules(**value) if value else QueueRules()


def read_room(typed: str) -> str:
    """Return the room that numbers are called to; raises InvalidValue."""
    room = " ".join(typed.split())
    if not 1 <= len(room) <= LONGEST_ROOM:
        raise InvalidValue(_l("Enter the room, with at most %(most)s characters.", most=LONGEST_ROOM), field="room")
    return room


def check_department(actor: Actor, department_id: UUID) -> None:
    """Refuse to call another department's patients where one's role ends at one's own; raises OtherDepartment."""
    bounds = bounds_of(actor)
    if bounds is None or bounds.scopes.get(CALL_PATIENTS.code) is Scope.HOSPITAL:
        return
    if bounds.department_id != department_id:
        raise OtherDepartment


def today() -> date:
    """Return the day whose numbers count, in the hospital's own zone."""
    return clock.today(ZoneInfo(bound_hospital().timezone))


def _next_number(department_id: UUID, day: date) -> int:
    """Return the day's next number; whoever checks in at the same time waits for it, so that none comes twice."""
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"queue {department_id} {day}", 0))
    db.session.execute(sa.select(lock), bind_arguments=TO_THE_HOSPITAL)
    highest = sa.select(sa.func.coalesce(sa.func.max(QueueTicket.number), 0)).where(
        QueueTicket.department_id == department_id, QueueTicket.day == day
    )
    return db.session.scalars(highest).one() + 1


def _hold(actor: Actor, ticket_id: UUID, version: int) -> QueueTicket:
    ticket = db.session.get(QueueTicket, ticket_id, with_for_update=True, populate_existing=True)
    if ticket is None or ticket.day != today():
        raise TicketNotFound
    check_department(actor, ticket.department_id)
    if ticket.version != version:
        raise StaleVersion
    return ticket


def _call(actor: Actor, ticket: QueueTicket, room: str) -> QueueTicket:
    ticket.state, ticket.room, ticket.closed_at = TicketState.CALLED, room, None
    ticket.called_at, ticket.called_by, ticket.calls = clock.now(), actor.id, ticket.calls + 1
    _note(actor, ticket, "queue.call", ["state", "room"])
    return ticket


def _close(actor: Actor, ticket: QueueTicket, state: TicketState, action: str) -> None:
    ticket.state, ticket.closed_at = state, clock.now()
    _note(actor, ticket, action, ["state"])


def _note(actor: Actor, ticket: QueueTicket, action: str, fields: list[str]) -> None:
    ticket.updated_by = actor.id
    db.session.flush()
    record_change(
        actor,
        action,
        subject_type="queue_ticket",
        subject_id=ticket.id,
        patient_id=ticket.patient_id,
        changes={"fields": fields},
        event={"department_id": str(ticket.department_id)},
    )
