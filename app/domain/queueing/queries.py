"""Reading the queue: staff's board with names in reach, the screen with numbers alone, a patient's own number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.domain.access.reach import bounds_of, open_to_colleagues, visiting, within_reach
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Department
from app.domain.patients.models import Patient
from app.domain.queueing.models import Priority, QueueTicket, TicketState, waiting_numbers
from app.domain.queueing.rules import RANKS, ticket_code
from app.domain.queueing.tickets import TO_THE_HOSPITAL, today

MOST_ON_BOARD = 200
MOST_ON_SCREEN = 12
MOST_NEXT = 10
SHOWN_AFTER_CALL = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Board:
    """A department's queue today: who waits in the order of the calls, who was called, who was missed."""

    waiting: Sequence[Any]
    called: Sequence[Any]
    missed: Sequence[Any]
    with_doctor: int
    done: int
    average_wait: timedelta | None


@dataclass(frozen=True, slots=True)
class Called:
    """A number on the screen: where it is called to, and whether that was just now."""

    code: str
    room: str
    calls: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Screen:
    """What hangs on the wall: the last numbers called, and how many wait. Nobody's name."""

    title: str
    called: Sequence[Called]
    next: Sequence[str]
    waiting: int


@dataclass(frozen=True, slots=True)
class OwnTicket:
    """A patient's number today, and how many are called before it."""

    code: str
    state: TicketState
    priority: Priority
    room: str | None
    queued_at: datetime
    department_id: UUID
    department_name: str
    department_name_en: str | None
    ahead: int
    is_seen: bool


def read_board(actor: Actor, department_id: UUID, *, doctor_id: UUID | None = None) -> Board:
    """Return a department's queue, or what of it is for one doctor. Names stand where the actor may see the patient."""
    name = sa.case((_reach(actor, department_id), Patient.full_name), else_=None).label("patient_name")
    query = (
        sa.select(
            *_TICKET,
            name,
            QueueTicket.patient_id,
            Appointment.status.label("visit_status"),
            Appointment.id.label("appointment_id"),
            StaffUser.full_name.label("doctor_name"),
        )
        .join(Appointment, Appointment.id == QueueTicket.appointment_id)
        .join(Patient, Patient.id == QueueTicket.patient_id)
        .join(StaffUser, StaffUser.id == Appointment.doctor_id)
        .join(Department, Department.id == QueueTicket.department_id)
        .where(QueueTicket.department_id == department_id, QueueTicket.day == today())
        .order_by(*_ORDER)
        .limit(MOST_ON_BOARD)
    )
    if doctor_id is not None:
        query = query.where(Appointment.doctor_id == doctor_id)
    rows = db.session.execute(query).all()
    named = [row.patient_id for row in rows if row.patient_name is not None]
    record_access(actor, "queue.view", subject_type="queue", subject_id=department_id, patient_ids=named)
    here = [row for row in rows if row.visit_status is AppointmentStatus.ARRIVED]
    called = [row for row in here if row.state is TicketState.CALLED]
    return Board(
        waiting=[row for row in here if row.state is TicketState.WAITING],
        called=sorted(called, key=lambda row: row.called_at, reverse=True),
        missed=[row for row in here if row.state is TicketState.MISSED],
        with_doctor=sum(row.visit_status is AppointmentStatus.IN_PROGRESS for row in rows),
        done=sum(
            row.visit_status is AppointmentStatus.COMPLETED or (row in here and row.state is TicketState.DONE)
            for row in rows
        ),
        average_wait=_average([row.called_at - row.queued_at for row in rows if row.called_at is not None]),
    )


def read_screen(department_id: UUID | None) -> Screen:
    """Return the numbers for the wall, of one department or of all."""
    of_department = [QueueTicket.department_id == department_id] if department_id else []
    called = db.session.execute(
        sa.select(*_TICKET)
        .join(Department, Department.id == QueueTicket.department_id)
        .where(
            QueueTicket.day == today(),
            QueueTicket.state == TicketState.CALLED,
            QueueTicket.called_at > clock.now() - SHOWN_AFTER_CALL,
            *of_department,
        )
        .order_by(QueueTicket.called_at.desc())
        .limit(MOST_ON_SCREEN)
    ).all()
    waiting = sa.select(waiting_numbers.c.number, Department.code.label("department_code")).join(
        Department, Department.id == waiting_numbers.c.department_id
    )
    waiting = waiting.where(waiting_numbers.c.day == today())
    if department_id:
        waiting = waiting.where(waiting_numbers.c.department_id == department_id)
    rank = sa.case({priority.value: rank for priority, rank in RANKS.items()}, value=waiting_numbers.c.priority)
    order = (rank, waiting_numbers.c.queued_at, waiting_numbers.c.number)
    following = db.session.execute(
        waiting.add_columns(sa.func.count().over().label("total")).order_by(*order).limit(MOST_NEXT),
        bind_arguments=TO_THE_HOSPITAL,
    ).all()
    title = db.session.scalar(sa.select(Department.name).where(Department.id == department_id)) if department_id else ""
    newest = max((row.called_at for row in called), default=None)
    return Screen(
        title=title or "",
        called=[
            Called(ticket_code(row.department_code, row.number), row.room, row.calls, row.called_at == newest)
            for row in called
        ],
        next=[ticket_code(row.department_code, row.number) for row in following],
        waiting=following[0].total if following else 0,
    )


def list_own_tickets(actor: Actor, patient_id: UUID) -> list[OwnTicket]:
    """Return a patient's numbers of today, and how many come before each."""
    other = waiting_numbers.alias("other")
    rank_of = {priority.value: rank for priority, rank in RANKS.items()}
    earlier = sa.tuple_(sa.case(rank_of, value=other.c.priority), other.c.queued_at, other.c.number) < sa.tuple_(
        sa.case(rank_of, value=sa.cast(QueueTicket.priority, sa.Text)), QueueTicket.queued_at, QueueTicket.number
    )
    ahead = (
        sa.select(sa.func.count())
        .select_from(other)
        .where(other.c.department_id == QueueTicket.department_id, other.c.day == QueueTicket.day, earlier)
        .correlate(QueueTicket)
        .scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(
            *_TICKET,
            QueueTicket.department_id,
            Department.name.label("department_name"),
            Department.name_en.label("department_name_en"),
            Appointment.status.label("visit_status"),
            ahead.label("ahead"),
        )
        .join(Appointment, Appointment.id == QueueTicket.appointment_id)
        .join(Department, Department.id == QueueTicket.department_id)
        .where(QueueTicket.patient_id == patient_id, QueueTicket.day == today())
        .order_by(QueueTicket.queued_at)
        .limit(MOST_NEXT),
        bind_arguments=TO_THE_HOSPITAL,
    ).all()
    if rows:
        record_access(actor, "own.queue", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return [
        OwnTicket(
            code=ticket_code(row.department_code, row.number),
            state=row.state,
            priority=row.priority,
            room=row.room,
            queued_at=row.queued_at,
            department_id=row.department_id,
            department_name=row.department_name,
            department_name_en=row.department_name_en,
            ahead=row.ahead,
            is_seen=row.visit_status is not AppointmentStatus.ARRIVED,
        )
        for row in rows
    ]


def last_room(actor: Actor) -> str:
    """Return the room to which somebody called last today; nothing where they have called nobody."""
    query = (
        sa.select(QueueTicket.room)
        .where(QueueTicket.called_by == actor.id, QueueTicket.day == today())
        .order_by(QueueTicket.called_at.desc())
        .limit(1)
    )
    return db.session.scalar(query) or ""


def list_queues() -> Sequence[Any]:
    """Return the departments that have a queue, and how many wait there now."""
    waiting = (
        sa.select(waiting_numbers.c.department_id, sa.func.count().label("waiting"))
        .where(waiting_numbers.c.day == today())
        .group_by(waiting_numbers.c.department_id)
        .subquery()
    )
    query = (
        sa.select(
            Department.id, Department.code, Department.name, sa.func.coalesce(waiting.c.waiting, 0).label("waiting")
        )
        .outerjoin(waiting, waiting.c.department_id == Department.id)
        .where(Department.accepts_bookings)
        .order_by(Department.position, Department.name)
        .limit(MOST_ON_BOARD)
    )
    return db.session.execute(query, bind_arguments=TO_THE_HOSPITAL).all()


def find_ticket(appointment_id: UUID) -> Any:
    """Return the ticket of a visit with its code, or None."""
    query = (
        sa.select(*_TICKET)
        .join(Department, Department.id == QueueTicket.department_id)
        .where(QueueTicket.appointment_id == appointment_id)
    )
    return db.session.execute(query).one_or_none()


_TICKET: tuple[Any, ...] = (
    QueueTicket.id,
    QueueTicket.version,
    QueueTicket.number,
    QueueTicket.priority,
    QueueTicket.state,
    QueueTicket.queued_at,
    QueueTicket.called_at,
    QueueTicket.calls,
    QueueTicket.room,
    Department.code.label("department_code"),
)
_ORDER = (sa.case(RANKS, value=QueueTicket.priority), QueueTicket.queued_at, QueueTicket.number)


def _reach(actor: Actor, department_id: UUID) -> sa.ColumnElement[bool]:
    """Confidentiality alone narrows one's own department's queue, as it does its worklist."""
    bounds = bounds_of(actor)
    if bounds is not None and bounds.department_id == department_id:
        return open_to_colleagues(actor)
    return within_reach(actor, visiting(actor))


def _average(waits: list[timedelta]) -> timedelta | None:
    return sum(waits, timedelta()) / len(waits) if waits else None
