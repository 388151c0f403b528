"""A visit from the door to the doctor's: looking it up, checking in, and who did not come.

Booking and cancelling belong to `operations`; the consultation itself to the records.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, NotFound, StaleVersion
from app.core.formats.dates import format_date
from app.core.i18n import _l
from app.domain.access.fields import REASON, may_read
from app.domain.access.reach import authorise, decide, relation_columns, visiting
from app.domain.appointments.models import Appointment, AppointmentStatus, AppointmentType
from app.domain.appointments.worklist import day_bounds
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import CHECK_IN
from app.domain.organisation.models import Department, Room
from app.domain.patients.models import Patient
from app.domain.queueing.models import Priority
from app.domain.queueing.tickets import make_ticket
from app.domain.records.models import MedicalRecord
from app.tenancy.binding import bound_hospital, has_revision

HERE = frozenset({AppointmentStatus.ARRIVED, AppointmentStatus.IN_PROGRESS, AppointmentStatus.COMPLETED})


class VisitNotFound(NotFound):
    title = _l("Visit not found")
    default_message = _l("This hospital has no such visit.")


class VisitCalledOff(Conflict):
    title = _l("This visit was called off")
    default_message = _l("The visit was cancelled, or the patient was marked as not having come.")
    remedy = _l("Book a new visit for the patient.")


class NotOnThisDay(Conflict):
    title = _l("This visit is on another day")

    def __init__(self, day: date) -> None:
        super().__init__(
            _l("The visit is on %(date)s. Patients are checked in on the day of their visit.", date=format_date(day)),
            remedy=_l("Book a visit for today, or ask the patient to come on that day."),
        )


class NotYetDue(Conflict):
    title = _l("The visit has not begun yet")
    default_message = _l("Only who was expected and did not come can be marked as not having come.")


_COLUMNS: tuple[Any, ...] = (
    Appointment.id,
    Appointment.code,
    Appointment.version,
    Appointment.status,
    Appointment.starts_at,
    Appointment.ends_at,
    Appointment.arrived_at,
    Appointment.started_at,
    Appointment.finished_at,
    Appointment.cancelled_at,
    Appointment.cancel_reason,
    Appointment.confirmed_at,
    Appointment.confirmed_via,
    Appointment.reason,
    Appointment.booked_via,
    Appointment.doctor_id,
    Appointment.department_id,
    Appointment.patient_id,
    Appointment.kind,
    Appointment.place,
    Appointment.series_id,
    Appointment.follows_id,
    Appointment.room_id,
    StaffUser.full_name.label("doctor_name"),
    Department.name.label("department_name"),
    AppointmentType.name.label("type_name"),
    AppointmentType.minutes.label("type_minutes"),
    Room.name.label("room_name"),
)


def _columns(with_reason: bool) -> list[Any]:
    hidden = sa.literal("").label("reason")
    return [hidden if column is Appointment.reason and not with_reason else column for column in _COLUMNS]


def open_visit(actor: Actor, appointment_id: UUID) -> Any:
    """Return a visit with its doctor, department and newest record for somebody to look at.

    Raises VisitNotFound, or PatientOutOfReach.
    """
    newest = (
        sa.select(MedicalRecord.id)
        .where(MedicalRecord.appointment_id == Appointment.id)
        .order_by(MedicalRecord.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    row = db.session.execute(
        _joined(
            sa.select(*_columns(may_read(actor, REASON.code)), newest.label("record_id"), *relation_columns(actor))
        ).where(Appointment.id == appointment_id)
    ).one_or_none()
    if row is None:
        raise VisitNotFound
    ground = decide(actor, visiting(actor), row.patient_id, row[-5:])
    record_access(
        ground.acting, "visit.view", subject_type="appointment", subject_id=appointment_id, patient_ids=[row.patient_id]
    )
    return row


def list_visits(patient_id: UUID, limit: int, *, with_reason: bool = True) -> list[Any]:
    """Return a patient's visits, the latest first."""
    query = _joined(sa.select(*_columns(with_reason))).where(Appointment.patient_id == patient_id)
    return list(db.session.execute(query.order_by(Appointment.starts_at.desc()).limit(limit)).all())


def find_todays_visit(patient_id: UUID, appointment_id: UUID | None = None) -> UUID | None:
    """Return today's visit to which a patient has come, or whether a given one is that; None where there is none."""
    begins, ends = day_bounds(clock.today(_zone()))
    query = sa.select(Appointment.id).where(
        Appointment.patient_id == patient_id,
        Appointment.starts_at >= begins,
        Appointment.starts_at < ends,
        Appointment.status.in_(list(HERE)),
    )
    if appointment_id is not None:
        query = query.where(Appointment.id == appointment_id)
    return db.session.scalars(query.order_by(Appointment.status, Appointment.starts_at).limit(1)).one_or_none()


def find_visit_of(patient_id: UUID, appointment_id: UUID | None) -> UUID | None:
    """Return a visit's id where it is a visit of this patient, else None."""
    if appointment_id is None:
        return None
    query = sa.select(Appointment.id).where(Appointment.id == appointment_id, Appointment.patient_id == patient_id)
    return db.session.scalars(query).one_or_none()


def check_in(actor: Actor, appointment_id: UUID, version: int, priority: Priority | None = None) -> bool:
    """Note that a patient has arrived, and give them a number; return False where that was known, which harms nothing.

    Without a priority the hospital's rule decides when the number is called.

    Raises VisitCalledOff, NotOnThisDay, or StaleVersion when the visit was changed since it was read.
    """
    visit = hold_visit(appointment_id)
    actor = authorise(actor, visit.patient_id, CHECK_IN)
    if visit.status in HERE:
        return False
    if visit.status is not AppointmentStatus.BOOKED:
        raise VisitCalledOff
    day = visit.starts_at.astimezone(_zone()).date()
    if day != clock.today(_zone()):
        raise NotOnThisDay(day)
    _refuse_stale(visit, version)
    visit.status, visit.arrived_at, visit.updated_by = AppointmentStatus.ARRIVED, clock.now(), actor.id
    db.session.flush()
    if has_revision("h014"):
        make_ticket(actor, visit, priority)
    _record(actor, "appointment.check_in", visit, event={"patient_id": str(visit.patient_id)})
    return True


def mark_no_show(actor: Actor, appointment_id: UUID, version: int) -> None:
    """Note that a patient did not come; raises NotYetDue before the visit's time, VisitCalledOff, or StaleVersion."""
    visit = hold_visit(appointment_id)
    actor = authorise(actor, visit.patient_id, CHECK_IN)
    if visit.status is AppointmentStatus.NO_SHOW:
        return
    if visit.status is AppointmentStatus.CANCELLED:
        raise VisitCalledOff
    if visit.status is not AppointmentStatus.BOOKED or visit.starts_at > clock.now():
        raise NotYetDue
    _refuse_stale(visit, version)
    visit.status, visit.updated_by = AppointmentStatus.NO_SHOW, actor.id
    db.session.flush()
    _record(actor, "appointment.no_show", visit, event={"patient_id": str(visit.patient_id)})


def hold_visit(appointment_id: UUID) -> Appointment:
    """Return a visit locked until the end of the unit of work; raises VisitNotFound."""
    query = sa.select(Appointment).where(Appointment.id == appointment_id).with_for_update()
    visit = db.session.scalars(query).one_or_none()
    if visit is None:
        raise VisitNotFound
    return visit


def _joined(query: sa.Select[Any]) -> sa.Select[Any]:
    return (
        query.join(StaffUser, StaffUser.id == Appointment.doctor_id)
        .join(Department, Department.id == Appointment.department_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .outerjoin(AppointmentType, AppointmentType.id == Appointment.type_id)
        .outerjoin(Room, Room.id == Appointment.room_id)
        .where(Patient.deleted_at.is_(None))
    )


def _refuse_stale(visit: Appointment, version: int) -> None:
    if visit.version != version:
        raise StaleVersion


def _zone() -> ZoneInfo:
    return ZoneInfo(bound_hospital().timezone)


def _record(actor: Actor, action: str, visit: Appointment, event: dict[str, Any] | None = None) -> None:
    record_change(
        actor,
        action,
        subject_type="appointment",
        subject_id=visit.id,
        patient_id=visit.patient_id,
        changes={"fields": ["status"]},
        event=event,
    )
