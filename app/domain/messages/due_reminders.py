"""Reminders whose time has come: each becomes one message of the ledger, or it is written down why not.

Several workers may do this at once: each takes rows that no other has. What is queued and what is marked is one
transaction, so that who dies in between leaves neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.messages.addresses import Ways, find_ways
from app.domain.messages.models import (
    AppointmentReminder,
    Channel,
    MessageState,
    OutboundMessage,
    ReminderOutcome,
    ReminderState,
)
from app.domain.messages.operations import Draft, queue_messages
from app.domain.messages.reminder_settings import hospital_zone, read_settings
from app.domain.messages.reminders import link_facts
from app.domain.messages.rules import LEAST_NOTICE
from app.domain.messages.template_kinds import REMINDER
from app.domain.patients.models import Patient
from app.domain.privacy.consents import REMINDERS, list_allowed
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)

AT_ONCE = 500


class Taken(NamedTuple):
    """A reminder that is due, locked until the end of the unit."""

    reminder: AppointmentReminder
    appointment: Appointment
    patient: Patient


class Fate(NamedTuple):
    """What becomes of a reminder that was looked at."""

    state: ReminderState
    channel: Channel
    outcome: ReminderOutcome | None = None
    due_at: datetime | None = None


def have_reminders_due() -> bool:
    """Where a reminder's time has come."""
    due = sa.select(AppointmentReminder.id).where(_is_due())
    return bool(db.session.scalar(sa.select(due.exists())))


def queue_due_reminders(limit: int = AT_ONCE) -> int:
    """Turn the reminders that are due into messages of the ledger, in the present unit; return how many were looked at.

    Several workers may do this at once: each takes rows that no other has.
    """
    query = (
        sa.select(AppointmentReminder, Appointment, Patient)
        .join(Appointment, Appointment.id == AppointmentReminder.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(_is_due())
        .order_by(AppointmentReminder.due_at.desc())
        .limit(limit)
        .with_for_update(of=AppointmentReminder, skip_locked=True)
    )
    taken = [Taken(*row) for row in db.session.execute(query.execution_options(populate_existing=True))]
    if taken:
        _settle_all(taken)
    return len(taken)


def _settle_all(taken: Sequence[Taken]) -> None:
    patients = {one.patient.id: one.patient for one in taken}
    allowed, ways = list_allowed(patients, REMINDERS), find_ways(patients.values())
    tried = _find_tried(taken)
    quiet, zone, now = read_settings()[0].quiet, hospital_zone(), clock.now()
    quiet_until = quiet.over_at(now, zone) if quiet is not None and quiet.hold_at(now, zone) else None
    drafts: dict[UUID, Draft] = {}
    fates: dict[Fate, list[UUID]] = {}
    for one in taken:
        appointment, wish = one.appointment, ways[one.patient.id]
        if appointment.status is not AppointmentStatus.BOOKED or _is_of_another_time(one):
            fate = _cancelled(one, ReminderOutcome.NOT_STANDING)
        elif one.patient.id not in allowed or not wish.want(REMINDER):
            fate = _cancelled(one, ReminderOutcome.NOT_WANTED)
        elif appointment.id in drafts:
            fate = _cancelled(one, ReminderOutcome.SUPERSEDED)
        elif appointment.starts_at <= now:
            log.warning("reminder too late, not sent", reminder=str(one.reminder.id))
            fate = _failed(one, ReminderOutcome.TOO_LATE)
        elif quiet_until is not None:
            fate = _postponed(one, quiet_until)
        else:
            fate, draft = _settle(one, wish, tried.get(one.reminder.id, {}))
            drafts |= {} if draft is None else {appointment.id: draft}
        fates.setdefault(fate, []).append(one.reminder.id)
    queue_messages(list(drafts.values()))
    _mark(fates)


def _mark(fates: Mapping[Fate, Sequence[UUID]]) -> None:
    """Write down what became of the reminders, those of one fate in one statement."""
    now = clock.now()
    for fate, ids in fates.items():
        db.session.execute(
            sa.update(AppointmentReminder)
            .where(AppointmentReminder.id.in_(ids))
            .values(
                state=fate.state,
                outcome=fate.outcome,
                channel=fate.channel,
                sent_at=now if fate.state is ReminderState.SENT else None,
                due_at=AppointmentReminder.due_at if fate.due_at is None else fate.due_at,
                updated_at=now,
            )
            .execution_options(synchronize_session=False)
        )


def _is_of_another_time(one: Taken) -> bool:
    """Tell whether the visit was moved and the reminder not with it; what was moved properly is not due yet."""
    return one.reminder.starts_at not in (None, one.appointment.starts_at)


def _settle(one: Taken, wish: Ways, tried: dict[Channel, MessageState]) -> tuple[Fate, Draft | None]:
    """Return the reminder's message by the first channel that was not tried, if there is one."""
    if any(state is not MessageState.FAILED for state in tried.values()):
        return Fate(ReminderState.SENT, one.reminder.channel), None  # it is under way, or may have arrived
    way = next((way for way in wish.channels if way[0] not in tried), None)
    if way is None:
        return _failed(one, ReminderOutcome.GIVEN_UP if tried else ReminderOutcome.NO_WAY), None
    channel, recipient = way  # as the patient is reached now, not when it was planned
    draft = Draft(
        key_of(one.reminder, channel),
        REMINDER,
        channel,
        recipient,
        one.patient,
        one.appointment,
        one.reminder.rule,
        wish.locale or bound_hospital().locale,
        link_facts(one.appointment),
    )
    return Fate(ReminderState.SENT, channel), draft


def key_of(reminder: AppointmentReminder, channel: Channel) -> str:
    """Return the ledger's key of a reminder by a channel: a visit that was moved is reminded of anew."""
    key = f"{REMINDER}:{reminder.appointment_id}:{reminder.rule}:{channel.value}"
    return f"{key}:{reminder.turn}" if reminder.turn else key


def _find_tried(taken: Sequence[Taken]) -> dict[UUID, dict[Channel, MessageState]]:
    """Return by which channels these reminders stand in the ledger, and how they fared there."""
    keys = {key_of(one.reminder, channel): (one.reminder.id, channel) for one in taken for channel in Channel}
    found: dict[UUID, dict[Channel, MessageState]] = {}
    query = sa.select(OutboundMessage.key, OutboundMessage.state).where(OutboundMessage.key.in_(keys))
    for row in db.session.execute(query):
        reminder_id, channel = keys[row.key]
        found.setdefault(reminder_id, {})[channel] = row.state
    return found


def _cancelled(one: Taken, outcome: ReminderOutcome) -> Fate:
    return Fate(ReminderState.CANCELLED, one.reminder.channel, outcome)


def _failed(one: Taken, outcome: ReminderOutcome) -> Fate:
    return Fate(ReminderState.FAILED, one.reminder.channel, outcome)


def _postponed(one: Taken, until: datetime) -> Fate:
    """Wait for the end of the quiet hours, in which a worker that was late has found the reminder."""
    if until <= one.appointment.starts_at - LEAST_NOTICE:
        return Fate(ReminderState.PENDING, one.reminder.channel, due_at=until)
    return _failed(one, ReminderOutcome.TOO_LATE)


def _is_due() -> sa.ColumnElement[bool]:
    return sa.and_(AppointmentReminder.state == ReminderState.PENDING, AppointmentReminder.due_at <= clock.now())
