"""Offering freed times to those who wait: one at a time, in the order in which they asked, each until a deadline.

Everything is derived from the rows: a worker that dies leaves a freed time that the next one takes up. An open offer
holds one place of its time (`slot_is_held` in the database) and is over by the database's clock; its message stands in
the ledger with it, or neither does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import system_actor
from app.core.after_commit import after_commit
from app.core.database_clock import moment, read_now
from app.core.db import db
from app.core.queue import enqueue
from app.domain.appointments.busy import read_standing
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.appointments.queries import FREED, hospital_zone, list_hours
from app.domain.appointments.slots import WeeklyHours, slots_of_day
from app.domain.audit.operations import record_change
from app.domain.messages.addresses import find_ways
from app.domain.messages.operations import queue_messages
from app.domain.messages.reminder_settings import ReminderSettings, read_settings
from app.domain.messages.template_kinds import OFFER
from app.domain.patients.models import Patient
from app.domain.privacy.consents import REMINDERS, may_use
from app.domain.waiting.models import FreedOutcome, FreedSlot, OfferState, SlotOffer, WaitingEntry, WaitingState
from app.domain.waiting.offer_message import draft_of
from app.domain.waiting.rules import Wish, deadline, suits
from app.tenancy.binding import bound_hospital

ACTOR = system_actor("waiting list")
AT_ONCE = 50
MOST_ASKED = 500


def have_offers_to_make() -> bool:
    """Where an offer's deadline has passed, or a freed time is held for nobody outside the quiet hours."""
    late = sa.select(SlotOffer.id).where(SlotOffer.state == OfferState.OPEN, SlotOffer.expires_at <= moment())
    held = sa.exists().where(SlotOffer.freed_slot_id == FreedSlot.id, SlotOffer.state == OfferState.OPEN)
    free = sa.select(FreedSlot.id).where(FreedSlot.settled_at.is_(None), ~held)
    is_late, is_free = db.session.execute(sa.select(late.exists(), free.exists())).one()
    return bool(is_late or (is_free and not _is_quiet(read_settings()[0])))


def end_late_offers() -> int:
    """Let offers whose deadline has passed be over, so that their times are free for the next; return how many."""
    ended = db.session.execute(
        sa.update(SlotOffer)
        .where(SlotOffer.state == OfferState.OPEN, SlotOffer.expires_at <= moment())
        .values(state=OfferState.EXPIRED, updated_at=moment())
        .returning(SlotOffer.id, SlotOffer.patient_id)
        .execution_options(synchronize_session=False)
    ).all()
    for row in ended:
        record_change(
            ACTOR, "waiting.offer_expire", subject_type="slot_offer", subject_id=row.id, patient_id=row.patient_id
        )
    return len(ended)


def offer_freed_times(limit: int = AT_ONCE) -> int:
    """Offer each freed time that nobody holds to the next who waits for such a one; return how many were looked at.

    Several workers may do this at once: each takes times that no other has. In quiet hours nobody is asked.
    """
    settings = read_settings()[0]
    if _is_quiet(settings):
        return 0
    open_offer = sa.exists().where(SlotOffer.freed_slot_id == FreedSlot.id, SlotOffer.state == OfferState.OPEN)
    query = (
        sa.select(FreedSlot)
        .where(FreedSlot.settled_at.is_(None), ~open_offer)
        .order_by(FreedSlot.starts_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = db.session.scalars(query.execution_options(populate_existing=True)).all()
    for freed in taken:
        _offer(freed, settings)
    return len(taken)


def _offer(freed: FreedSlot, settings: ReminderSettings) -> None:
    now = read_now(SlotOffer)
    if freed.starts_at <= now + timedelta(minutes=settings.offer_ahead_minutes):
        _settle(freed, FreedOutcome.PAST)
        return
    hours = find_hours_with_place(freed)
    if hours is None:
        _settle(freed, FreedOutcome.BOOKED)
        return
    until = deadline(now, freed.starts_at, settings.offer_minutes)
    for entry, visit, patient in _list_waiting(freed):
        if not suits(_wish(entry, visit), freed.doctor_id, freed.starts_at, hospital_zone()):
            continue
        if (
            _has_room_for(visit, freed)
            and _is_free_then(entry, freed)
            and _hold_for(freed, hours, entry, patient, until)
        ):
            return
    _settle(freed, FreedOutcome.NOBODY if find_hours_with_place(freed) else FreedOutcome.BOOKED)


def _list_waiting(freed: FreedSlot) -> list[tuple[WaitingEntry, Appointment | None, Patient]]:
    """Return who waits in the department and was not offered this time yet, the first to ask first, locked."""
    offered = sa.exists().where(SlotOffer.entry_id == WaitingEntry.id, SlotOffer.freed_slot_id == freed.id)
    busy = sa.exists().where(SlotOffer.entry_id == WaitingEntry.id, SlotOffer.state == OfferState.OPEN)
    day = freed.starts_at.astimezone(hospital_zone()).date()
    query = (
        sa.select(WaitingEntry, Appointment, Patient)
        .join(Patient, Patient.id == WaitingEntry.patient_id)
        .outerjoin(Appointment, Appointment.id == WaitingEntry.appointment_id)
        .where(
            WaitingEntry.state == WaitingState.WAITING,
            WaitingEntry.department_id == freed.department_id,
            sa.or_(WaitingEntry.doctor_id.is_(None), WaitingEntry.doctor_id == freed.doctor_id),
            WaitingEntry.first_day <= day,
            WaitingEntry.last_day >= day,
            Patient.deleted_at.is_(None),
            sa.or_(
                WaitingEntry.appointment_id.is_(None),
                sa.and_(Appointment.status == AppointmentStatus.BOOKED, Appointment.starts_at > freed.starts_at),
            ),
            ~offered,
            ~busy,
        )
        .order_by(WaitingEntry.created_at, WaitingEntry.id)
        .limit(MOST_ASKED)
        .with_for_update(of=WaitingEntry, skip_locked=True)
    )
    return [(row[0], row[1], row[2]) for row in db.session.execute(query)]


def _hold_for(freed: FreedSlot, hours: WeeklyHours, entry: WaitingEntry, patient: Patient, until: datetime) -> bool:
    """Make the offer and queue its message; False where the patient cannot be written to, or the time is not free."""
    ways = find_ways([patient])[patient.id]
    if not ways.channels or not ways.want(OFFER) or not may_use(patient.id, REMINDERS):
        return False
    offer = SlotOffer(
        entry_id=entry.id,
        freed_slot_id=freed.id,
        patient_id=entry.patient_id,
        doctor_id=freed.doctor_id,
        department_id=freed.department_id,
        schedule_id=hours.id,
        starts_at=freed.starts_at,
        ends_at=freed.ends_at,
        state=OfferState.OPEN,
        expires_at=until,
    )
    try:
        with db.session.begin_nested():
            db.session.add(offer)
    except IntegrityError:
        return False  # somebody has the time, or this person an offer, since it was looked at
    channel, recipient = ways.channels[0]
    queue_messages([draft_of(offer, patient, channel, recipient, ways.locale)])
    record_change(
        ACTOR,
        "waiting.offer",
        subject_type="slot_offer",
        subject_id=offer.id,
        patient_id=offer.patient_id,
        changes={"starts_at": [None, offer.starts_at.isoformat()], "until": [None, until.isoformat()]},
    )
    code = bound_hospital().code
    after_commit(lambda: enqueue("deliver_messages", hospital=code))
    return True


def _wish(entry: WaitingEntry, visit: Appointment | None) -> Wish:
    return Wish(
        entry.doctor_id,
        entry.weekdays,
        entry.from_time,
        entry.until_time,
        entry.first_day,
        entry.last_day,
        visit.starts_at if visit else None,
    )


def _is_free_then(entry: WaitingEntry, freed: FreedSlot) -> bool:
    """Tell whether the patient has no other visit at that time than the one that would be moved."""
    query = sa.select(Appointment.id).where(
        Appointment.patient_id == entry.patient_id,
        Appointment.starts_at < freed.ends_at,
        Appointment.ends_at > freed.starts_at,
        Appointment.status.not_in(FREED),
    )
    if entry.appointment_id is not None:
        query = query.where(Appointment.id != entry.appointment_id)
    return db.session.execute(query.limit(1)).first() is None


def _has_room_for(visit: Appointment | None, freed: FreedSlot) -> bool:
    """Tell whether the visit that would be moved fits into the time; a longer one needs more than was freed."""
    return visit is None or visit.ends_at - visit.starts_at <= freed.ends_at - freed.starts_at


def find_hours_with_place(time: FreedSlot | SlotOffer) -> WeeklyHours | None:
    """Return the doctor's hours in which a time has a place that no visit and no open offer has, or None.

    It counts as booking does; what is booked in the meantime the database sees when the offer is written.
    """
    zone = hospital_zone()
    every = [each for entry in list_hours(time.department_id, time.doctor_id) for each in entry.hours]
    slots = slots_of_day(every, time.starts_at.astimezone(zone).date(), zone)
    hours = next((slot.hours for slot in slots if slot.start == time.starts_at), None)
    standing = read_standing(time.doctor_id, time.starts_at, time.ends_at)
    if standing.is_away or standing.holiday is not None or not isinstance(hours, WeeklyHours):
        return None
    return hours if len(standing.places) < hours.capacity else None


def _settle(freed: FreedSlot, outcome: FreedOutcome) -> None:
    freed.settled_at, freed.outcome = clock.now(), outcome


def settle_freed(freed_slot_id: UUID, outcome: FreedOutcome) -> None:
    """Note what became of a freed time; it is offered no more."""
    db.session.execute(
        sa.update(FreedSlot)
        .where(FreedSlot.id == freed_slot_id)
        .values(settled_at=clock.now(), outcome=outcome)
        .execution_options(synchronize_session=False)
    )


def end_vain_waits() -> int:
    """Take off the list whose last day has passed, or whose visit has begun or was cancelled; return how many."""
    now, today = clock.now(), clock.today(hospital_zone())
    has_open = sa.exists().where(SlotOffer.entry_id == WaitingEntry.id, SlotOffer.state == OfferState.OPEN)
    visit_gone = sa.exists().where(
        Appointment.id == WaitingEntry.appointment_id,
        sa.or_(Appointment.status != AppointmentStatus.BOOKED, Appointment.starts_at <= now),
    )
    ended = db.session.execute(
        sa.update(WaitingEntry)
        .where(
            WaitingEntry.state == WaitingState.WAITING,
            ~has_open,
            sa.or_(WaitingEntry.last_day < today, visit_gone),
        )
        .values(state=WaitingState.OVER, ended_at=now, updated_at=now, version=WaitingEntry.version + 1)
        .execution_options(synchronize_session=False)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


def _is_quiet(settings: ReminderSettings) -> bool:
    return settings.quiet is not None and settings.quiet.hold_at(clock.now(), hospital_zone())
