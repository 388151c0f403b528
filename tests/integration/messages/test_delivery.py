"""The ledger is delivered: each message once in effect, whatever the mail server does and whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.messages.channels import Console, Letter, Outcome
from app.domain.messages.delivery import Transports, deliver_due, have_messages_due, make_transports
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.reminders import queue_confirmation
from app.domain.messages.rules import ATTEMPTS, CLAIM
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient
from tests.integration.messages.conftest import SmtpServer
from tests.support.platform import ACTOR


def queue(email: str | None = "an@example.vn") -> Appointment:
    patient = make_patient(email=email)
    appointment = make_appointment(patient_id=patient.id, starts_at=clock.now() + timedelta(days=3))
    queue_confirmation(ACTOR, appointment, patient)
    return appointment


@pytest.fixture(autouse=True)
def moment() -> Iterator[datetime]:
    """Hold the clock: what is due is due by what a test says has passed."""
    held = clock.now()
    with clock.frozen_at(held):
        yield held


@pytest.fixture
def deliver(app: Flask, alpha: str, moment: datetime) -> Callable[..., int]:
    def run(transports: Transports, *, later: timedelta = timedelta(0)) -> int:
        with app.app_context(), bind_hospital(alpha), clock.frozen_at(moment + later):
            return deliver_due(transports)

    return run


def by_smtp(server: SmtpServer, **facts: Any) -> Transports:
    return {Channel.CONSOLE: Console(), Channel.EMAIL: server.channel(**facts)}


def message() -> OutboundMessage:
    return db.session.scalars(sa.select(OutboundMessage)).one()


def test_a_queued_message_is_mailed_once(bound, deliver, smtp_server: SmtpServer, alpha: str) -> None:
    with bound(alpha):
        code = queue().code
        assert have_messages_due()
    assert deliver(by_smtp(smtp_server)) == 1
    assert deliver(by_smtp(smtp_server)) == 0
    (mail,) = smtp_server.sink.accepted
    assert code in mail.get_content()
    with bound(alpha):
        sent = message()
        assert (sent.state, sent.provider_id, sent.attempts) == (MessageState.SENT, mail["Message-ID"], 1)
        assert sent.sent_at is not None
        assert not have_messages_due()


def test_eight_workers_at_once_mail_everything_once(
    app: Flask, bound, deliver, smtp_server: SmtpServer, alpha: str
) -> None:
    with bound(alpha):
        for _ in range(24):
            queue()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: deliver(by_smtp(smtp_server)), range(8))) == 24
    assert len({mail["Message-ID"] for mail in smtp_server.sink.accepted}) == smtp_server.sink.seen == 24


def test_a_mail_server_that_is_away_is_tried_again_with_patience_and_given_up_in_the_end(
    bound, deliver, smtp_server: SmtpServer, alpha: str
) -> None:
    with bound(alpha):
        queue()
    smtp_server.sink.rcpt_answer = "450 later"
    waited, pauses = timedelta(0), []
    for _ in range(ATTEMPTS):
        assert deliver(by_smtp(smtp_server), later=waited) == 1
        assert deliver(by_smtp(smtp_server), later=waited) == 0
        with bound(alpha):
            if (due := message().next_attempt_at) is not None:
                pauses.append(round((due - clock.now() - waited).total_seconds() / 30))
                waited = due - clock.now() + timedelta(seconds=1)
    assert pauses == [1, 4, 16, 64]
    with bound(alpha):
        assert (message().state, message().error) == (MessageState.FAILED, "recipient refused: 450")
    smtp_server.sink.rcpt_answer = "250 OK"
    assert deliver(by_smtp(smtp_server), later=timedelta(days=1)) == 0


def test_a_message_that_comes_through_at_last_is_sent(bound, deliver, smtp_server: SmtpServer, alpha: str) -> None:
    with bound(alpha):
        queue()
    smtp_server.sink.rcpt_answer = "450 later"
    deliver(by_smtp(smtp_server))
    smtp_server.sink.rcpt_answer = "250 OK"
    assert deliver(by_smtp(smtp_server), later=timedelta(minutes=1)) == 1
    assert len(smtp_server.sink.accepted) == 1
    with bound(alpha):
        assert (message().state, message().error) == (MessageState.SENT, None)


def test_what_a_server_perhaps_accepted_is_unknown_and_never_sent_again(
    bound, deliver, smtp_server: SmtpServer, alpha: str
) -> None:
    with bound(alpha):
        queue()
    smtp_server.sink.hang_up_after_accepting = True
    deliver(by_smtp(smtp_server))
    with bound(alpha):
        assert message().state is MessageState.UNKNOWN
    smtp_server.sink.hang_up_after_accepting = False
    for later in (timedelta(minutes=5), timedelta(days=1)):
        assert deliver(by_smtp(smtp_server), later=later) == 0
    assert len(smtp_server.sink.accepted) == 1


class Killed(BaseException):
    """As kill -9: nothing after it runs."""


class Dies:
    """A channel in which the worker dies, before or behind the point of no return."""

    def __init__(self, *, behind: bool) -> None:
        self.behind = behind

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        if self.behind:
            commit()
        raise Killed


def test_who_dies_before_the_point_of_no_return_gives_the_message_back(
    bound, deliver, smtp_server: SmtpServer, alpha: str
) -> None:
    with bound(alpha):
        queue()
    with pytest.raises(Killed):
        deliver({Channel.EMAIL: Dies(behind=False), Channel.CONSOLE: Console()})
    assert deliver(by_smtp(smtp_server)) == 0
    assert deliver(by_smtp(smtp_server), later=CLAIM + timedelta(minutes=2)) == 1
    assert len(smtp_server.sink.accepted) == 1


def test_who_dies_behind_the_point_of_no_return_leaves_it_unknown(
    bound, deliver, smtp_server: SmtpServer, alpha: str
) -> None:
    with bound(alpha):
        queue()
    with pytest.raises(Killed):
        deliver({Channel.EMAIL: Dies(behind=True), Channel.CONSOLE: Console()})
    with bound(alpha):
        assert message().state is MessageState.SENDING
    assert deliver(by_smtp(smtp_server), later=CLAIM + timedelta(minutes=2)) == 0
    with bound(alpha):
        assert message().state is MessageState.UNKNOWN
    assert smtp_server.sink.seen == 0


def test_a_message_with_which_workers_die_again_and_again_is_given_up(bound, deliver, alpha: str) -> None:
    with bound(alpha):
        queue()
    deadly: Transports = {Channel.EMAIL: Dies(behind=False), Channel.CONSOLE: Console()}
    for turn in range(ATTEMPTS):
        with pytest.raises(Killed):
            deliver(deadly, later=CLAIM * 2 * turn)
    assert deliver(deadly, later=CLAIM * 20) == 0
    with bound(alpha):
        assert message().state is MessageState.FAILED


def test_an_appointment_cancelled_meanwhile_is_asked_for_at_delivery(
    bound, deliver, smtp_server: SmtpServer, alpha: str
) -> None:
    with bound(alpha):
        queue().status = AppointmentStatus.CANCELLED
    assert deliver(by_smtp(smtp_server)) == 0
    assert smtp_server.sink.seen == 0
    with bound(alpha):
        assert (message().state, message().error) == (MessageState.FAILED, "the appointment does not stand any more")


def test_without_a_mail_server_the_console_takes_it_and_logs_nobodys_name(
    bound, deliver, capsys: pytest.CaptureFixture[str], alpha: str
) -> None:
    with bound(alpha):
        appointment = queue()
        name = db.session.get_one(Patient, appointment.patient_id).full_name
    assert deliver(make_transports(None, "a@b.vn")) == 1
    with bound(alpha):
        assert (message().state, message().provider_id) == (MessageState.SENT, "console")
    written = "".join(capsys.readouterr())
    assert name not in written
    assert "an@example.vn" not in written


def test_one_hospitals_messages_are_not_anothers(
    app: Flask, bound, deliver, smtp_server, alpha: str, beta: str
) -> None:
    with bound(beta):
        queue()
    assert deliver(by_smtp(smtp_server)) == 0
    with app.app_context(), bind_hospital(beta), unit_of_work():
        assert have_messages_due()
