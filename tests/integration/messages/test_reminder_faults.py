"""Whatever happens between planning a reminder and its leaving, the patient gets it once: no more, and no less."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment
from app.domain.appointments.moving import reschedule_appointment
from app.domain.messages import due_reminders
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.delivery import Transports, deliver_due, give_up
from app.domain.messages.due_reminders import queue_due_reminders
from app.domain.messages.fallbacks import try_another_way
from app.domain.messages.models import (
    AppointmentReminder,
    Channel,
    MessageChannel,
    MessageState,
    OutboundMessage,
    ReminderOutcome,
    ReminderState,
)
from app.domain.messages.reminders import plan_reminders
from app.domain.messages.reminding import MessagePreference
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient
from tests.integration.waiting.test_offering import doctor_at_work, morning
from tests.support.platform import ACTOR, Platform

KILLED = """
import os, signal
from datetime import datetime
from app import create_app
from app.config import load_settings
from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.domain.messages import due_reminders
from app.tenancy.binding import bind_hospital

queue = due_reminders.queue_messages

def queue_and_die(drafts):
    assert len(queue(drafts)) == 1
    os.kill(os.getpid(), signal.SIGKILL)

due_reminders.queue_messages = queue_and_die
app = create_app(load_settings())
with app.app_context(), bind_hospital("alpha"), clock.frozen_at(datetime.fromisoformat(os.environ["MOMENT"])):
    with unit_of_work():
        due_reminders.queue_due_reminders()
"""


class Sent:
    """A way out that keeps what it accepts; `before` runs while the letter is in hand."""

    name = "kept"

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.before: Callable[[], None] | None = None

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        act, self.before = self.before, None
        if act is not None:
            act()
        commit()
        self.letters.append(letter)
        return Outcome(MessageState.SENT, provider_id="1")

    @property
    def reminders(self) -> list[Letter]:
        return [letter for letter in self.letters if letter.key.startswith("reminder:")]


@pytest.fixture
def sent() -> Sent:
    return Sent()


def ways(sent: Sent) -> Transports:
    return dict.fromkeys(Channel, sent)


def book(starts: datetime) -> tuple[UUID, UUID]:
    """Make a visit with its reminders; return its id and its doctor's."""
    doctor, patient = doctor_at_work(), make_patient(email="an@example.vn", phone="+84912345678")
    visit = make_appointment(doctor_id=doctor, patient_id=patient.id, starts_at=starts)
    plan_reminders(ACTOR, visit, patient)
    return visit.id, doctor


def one_round(bound, code: str, sent: Sent, moment: datetime) -> None:
    """Do what worker and schedule do at a moment."""
    with clock.frozen_at(moment):
        with bound(code):
            queue_due_reminders()
        with bound(code):
            deliver_due(ways(sent))


def move(app: Flask, code: str, visit_id: UUID, doctor: UUID, starts: datetime, moment: datetime) -> None:
    """Move the visit, as another process does it."""

    def act() -> None:
        with app.app_context(), bind_hospital(code), clock.frozen_at(moment), unit_of_work():
            version = db.session.get_one(Appointment, visit_id).version
            reschedule_appointment(ACTOR, visit_id, doctor_id=doctor, starts_at=starts, version=version, tell=False)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("shift", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_is_moved_by_an_hour_sends_each_reminder_once(
    bound, alpha: str, sent: Sent, shift: timedelta
) -> None:
    starts = morning(3)
    with bound(alpha):
        book(starts)
    due = starts - timedelta(days=1)
    # A minute before it is due the clock jumps, stays wrong for a while, and is put right.
    true_times = [due + timedelta(minutes=minute) for minute in (-10, -1, 1, 10, 59, 61, 70, 130)]
    for number, moment in enumerate(true_times):
        one_round(bound, alpha, sent, moment + (shift if 1 <= number <= 4 else timedelta(0)))
    assert len(sent.reminders) == 1
    # And so when it jumps between queueing and sending.
    for moment in (starts - timedelta(hours=3), starts - timedelta(hours=2)):
        with bound(alpha), clock.frozen_at(moment):
            queue_due_reminders()
    for moment in (starts - timedelta(hours=2) + shift, starts - timedelta(hours=1, minutes=50)):
        one_round(bound, alpha, sent, moment)
    assert len(sent.reminders) == 2


def test_a_worker_killed_between_queueing_and_marking_leaves_one_message(
    bound, alpha: str, sent: Sent, platform: Platform
) -> None:
    starts = morning(3)
    with bound(alpha):
        book(starts)
    moment = starts - timedelta(hours=20)
    environment = {**os.environ, **platform.environment(), "ENVIRONMENT": "test", "MOMENT": moment.isoformat()}
    command = [sys.executable, "-c", KILLED]
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    with bound(alpha):
        assert db.session.scalars(sa.select(OutboundMessage)).all() == []
    for minute in range(3):
        one_round(bound, alpha, sent, moment + timedelta(minutes=minute))
    assert len(sent.reminders) == 1
    with bound(alpha):
        states = {row.rule: row.state for row in db.session.scalars(sa.select(AppointmentReminder))}
        assert states == {"1_day": ReminderState.SENT, "2_hours": ReminderState.PENDING}


def test_a_visit_moved_while_a_worker_has_its_reminder_in_hand_is_reminded_of_at_its_new_time_only(
    app: Flask, bound, alpha: str, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, later = morning(3), morning(6)
    with bound(alpha):
        visit_id, doctor = book(starts)
    moment, queue = starts - timedelta(hours=20), due_reminders.queue_messages
    mover = threading.Thread(target=lambda: move(app, alpha, visit_id, doctor, later, moment))

    def queue_while_it_is_moved(drafts):
        written = queue(drafts)
        db.session.flush()
        mover.start()
        mover.join(0.5)
        assert mover.is_alive()  # it waits for the reminder that is in hand here
        return written

    monkeypatch.setattr(due_reminders, "queue_messages", queue_while_it_is_moved)
    with bound(alpha), clock.frozen_at(moment):
        queue_due_reminders()
    monkeypatch.undo()
    mover.join(60)
    with bound(alpha):
        (old,) = db.session.scalars(sa.select(OutboundMessage))
        assert old.state is MessageState.FAILED
    for hours in (-20, 48, 53, 54, 71):
        one_round(bound, alpha, sent, starts + timedelta(hours=hours))
    assert [letter.body.count(f"{later + timedelta(hours=7):%d/%m/%Y}") > 0 for letter in sent.reminders] == [True] * 2


def test_a_letter_in_a_workers_hand_does_not_leave_once_its_visit_is_moved(
    app: Flask, bound, alpha: str, sent: Sent
) -> None:
    starts, later = morning(3), morning(6)
    with bound(alpha):
        visit_id, doctor = book(starts)
    moment = starts - timedelta(hours=20)
    sent.before = lambda: move(app, alpha, visit_id, doctor, later, moment)
    one_round(bound, alpha, sent, moment)
    assert sent.letters == []
    one_round(bound, alpha, sent, later - timedelta(hours=20))
    assert len(sent.reminders) == 1


def test_the_next_channel_is_tried_once_each_and_then_it_is_visible(bound, alpha: str, sent: Sent) -> None:
    starts = morning(3)
    with bound(alpha):
        db.session.add(MessageChannel(channel=Channel.SMS, own_gateway=True))
        book(starts)
    moment = starts - timedelta(hours=20)
    for expected in (Channel.EMAIL, Channel.SMS):
        with bound(alpha), clock.frozen_at(moment):
            queue_due_reminders()
            (message,) = db.session.scalars(sa.select(OutboundMessage).filter_by(state=MessageState.QUEUED))
            assert message.channel is expected
            assert message.key.count(":") == 3
            give_up(message, "refused")
            try_another_way(message)  # told twice
    with bound(alpha), clock.frozen_at(moment):
        queue_due_reminders()
        reminder = db.session.scalars(sa.select(AppointmentReminder).filter_by(rule="1_day")).one()
        assert (reminder.state, reminder.outcome) == (ReminderState.FAILED, ReminderOutcome.GIVEN_UP)
        assert len(db.session.scalars(sa.select(OutboundMessage)).all()) == 2


def test_in_quiet_hours_a_late_worker_waits_and_nobody_is_reminded_of_what_has_begun(
    bound, alpha: str, sent: Sent, platform: Platform
) -> None:
    with platform.admin(alpha) as connection:
        connection.execute("UPDATE settings SET value = '{}' WHERE key = 'reminders'")  # from 21:00 until 07:00
    try:
        early, noon = morning(3, hour=7) + timedelta(minutes=15), morning(3, hour=12)
        with bound(alpha):
            book(early)
            book(noon)
            due = {
                row.starts_at: row.due_at
                for row in db.session.scalars(sa.select(AppointmentReminder).filter_by(rule="2_hours"))
            }
        assert due == {early: morning(2, hour=20) + timedelta(minutes=45), noon: noon - timedelta(hours=2)}
        one_round(bound, alpha, sent, morning(2, hour=23))
        assert sent.letters == []
        one_round(bound, alpha, sent, morning(3, hour=7))
        assert [f"{noon + timedelta(hours=7):%H:%M}" in letter.body for letter in sent.reminders] == [True]
        with bound(alpha):
            outcomes = {
                row.outcome for row in db.session.scalars(sa.select(AppointmentReminder).filter_by(starts_at=early))
            }
            assert outcomes == {ReminderOutcome.TOO_LATE}
    finally:
        with platform.admin(alpha) as connection:
            connection.execute(
                """UPDATE settings SET value = '{"quiet_from": "", "quiet_until": ""}' WHERE key = 'reminders'"""
            )


def test_who_switched_reminders_off_gets_none_and_who_chose_a_language_gets_that(bound, alpha: str, sent: Sent) -> None:
    starts = morning(3)
    with bound(alpha):
        for visit_id, facts in ((book(starts)[0], {"muted": ["reminder"]}), (book(starts)[0], {"locale": "en"})):
            patient = db.session.get_one(Patient, db.session.get_one(Appointment, visit_id).patient_id)
            db.session.add(MessagePreference(**{"patient_id": patient.id, "channels": [], "muted": [], **facts}))
    one_round(bound, alpha, sent, starts - timedelta(hours=20))
    (letter,) = sent.reminders
    assert "Dear" in letter.body
