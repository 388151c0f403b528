"""Asking for an earlier time, and leaving the list. Who asked first is offered first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _l
from app.core.permissions import Permission
from app.domain.access.reach import authorise
from app.domain.appointments.freeing import wake_offers
from app.domain.appointments.models import Appointment
from app.domain.appointments.moving import NotMovable
from app.domain.appointments.queries import get_department, hospital_zone, list_doctors
from app.domain.appointments.rules import check_reason, is_cancellable, last_bookable_day
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.patients.models import Patient
from app.domain.waiting.errors import WaitsAlready
from app.domain.waiting.models import AskedVia, OfferState, SlotOffer, WaitingEntry, WaitingState

ONCE_PER_VISIT = "uq_waiting_entries_once_per_visit"
MOST_WAITS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """The times that somebody asks for; `reason` where a new visit is wanted, not an earlier one."""

    weekdays: Sequence[int]
    from_time: time
    until_time: time
    first_day: date
    last_day: date
    doctor_id: UUID | None = None
    department_id: UUID | None = None
    reason: str | None = None


def ask_for_earlier(
    actor: Actor, appointment_id: UUID, asked: Asked, *, patient_id: UUID | None = None
) -> WaitingEntry:
    """Put who has a visit on the list for an earlier one; a patient for their own only.

    Raises NotFound, NotMovable for a visit that has begun or is over, InvalidValue, or WaitsAlready.
    """
    _refuse_strangers(actor, patient_id)
    query = sa.select(Appointment).where(Appointment.id == appointment_id)
    if patient_id is not None:
        query = query.where(Appointment.patient_id == patient_id)
    visit = db.session.scalar(query)
    if visit is None:
        raise NotFound
    if not is_cancellable(visit.status, visit.starts_at, now=clock.now()):
        raise NotMovable
    last = visit.starts_at.astimezone(hospital_zone()).date()
    entry = WaitingEntry(patient_id=visit.patient_id, appointment_id=visit.id, department_id=visit.department_id)
    return _put(actor, entry, asked, last)


def ask_for_visit(actor: Actor, patient_id: UUID, asked: Asked) -> WaitingEntry:
    """Put a patient on the list for a visit that they do not have yet; raises NotFound or InvalidValue."""
    patient = db.session.get(Patient, patient_id)
    if patient is None or patient.deleted_at is not None or asked.department_id is None:
        raise NotFound
    get_department(asked.department_id)
    entry = WaitingEntry(patient_id=patient_id, department_id=asked.department_id, reason=check_reason(asked.reason))
    return _put(actor, entry, asked, last_bookable_day(clock.today(hospital_zone())))


def leave_list(
    actor: Actor, entry_id: UUID, *, patient_id: UUID | None = None, because: Permission = BOOK_FOR_PATIENTS
) -> bool:
    """Take somebody off the list; an open offer to them is withdrawn. False where they had left it already.

    `because` is the right by which it is done, where it follows from something else than an agreement with them.
    """
    _refuse_strangers(actor, patient_id)
    query = sa.select(WaitingEntry).where(WaitingEntry.id == entry_id).with_for_update()
    if patient_id is not None:
        query = query.where(WaitingEntry.patient_id == patient_id)
    entry = db.session.scalar(query.execution_options(populate_existing=True))
    if entry is None:
        raise NotFound
    actor = authorise(actor, entry.patient_id, because)
    if entry.state is not WaitingState.WAITING:
        return False
    entry.state, entry.ended_at, entry.updated_by = WaitingState.LEFT, clock.now(), actor.id
    db.session.flush()
    db.session.execute(
        sa.update(SlotOffer)
        .where(SlotOffer.entry_id == entry.id, SlotOffer.state == OfferState.OPEN)
        .values(state=OfferState.WITHDRAWN, answered_at=clock.now(), updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    _record(actor, "waiting.leave", entry)
    wake_offers()
    return True


def _put(actor: Actor, entry: WaitingEntry, asked: Asked, last_possible: date) -> WaitingEntry:
    actor = authorise(actor, entry.patient_id, BOOK_FOR_PATIENTS)
    _check(asked, entry.department_id, last_possible)
    count = sa.select(sa.func.count()).where(
        WaitingEntry.patient_id == entry.patient_id, WaitingEntry.state == WaitingState.WAITING
    )
    if (db.session.scalar(count) or 0) >= MOST_WAITS:
        raise InvalidValue(_l("One person waits for at most five visits."), field="last_day")
    days = sorted(set(asked.weekdays))
    entry.doctor_id, entry.weekdays = asked.doctor_id, [] if len(days) == 7 else days
    entry.from_time, entry.until_time = asked.from_time, asked.until_time
    entry.first_day, entry.last_day = asked.first_day, min(asked.last_day, last_possible)
    entry.asked_via = AskedVia.PATIENT_PORTAL if actor.kind is ActorKind.PATIENT else AskedVia.DESK
    entry.state, entry.created_by, entry.updated_by = WaitingState.WAITING, actor.id, actor.id
    try:
        with db.session.begin_nested():
            db.session.add(entry)
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) == ONCE_PER_VISIT:
            raise WaitsAlready from error
        raise
    _record(actor, "waiting.ask", entry)
    wake_offers()
    return entry


def _check(asked: Asked, department_id: UUID, last_possible: date) -> None:
    if asked.until_time <= asked.from_time:
        raise InvalidValue(_l("The end must be after the beginning."), field="until_time")
    if not set(asked.weekdays) <= set(range(7)):
        raise InvalidValue(_l("Choose weekdays from Monday to Sunday."), field="weekdays")
    today = clock.today(hospital_zone())
    if asked.last_day < max(today, asked.first_day) or asked.first_day > last_possible:
        raise InvalidValue(_l("Choose a last day that is still to come and not before the first."), field="last_day")
    if asked.doctor_id is not None and all(row.id != asked.doctor_id for row in list_doctors(department_id)):
        raise InvalidValue(_l("This doctor does not see patients of the department."), field="doctor")


def _refuse_strangers(actor: Actor, patient_id: UUID | None) -> None:
    if actor.kind is ActorKind.PATIENT and patient_id is None:
        raise ValueError("a patient acts only as themselves: patient_id is needed")


def _record(actor: Actor, action: str, entry: WaitingEntry) -> None:
    record_change(
        actor,
        action,
        subject_type="waiting_entry",
        subject_id=entry.id,
        patient_id=entry.patient_id,
        changes={"department_id": str(entry.department_id)},
    )
