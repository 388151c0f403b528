"""Text messages by an HTTP gateway over real sockets: each message once in effect, whatever the gateway does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.cli.loopback.box import Behaviour
from app.cli.loopback.gateway import call, report_delivery
from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment
from app.domain.audit.models import AuditEntry
from app.domain.messages import delivery, gateways
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.decisions import NotToBeDecided, send_again, take_as_delivered
from app.domain.messages.delivery import deliver_due, when_given_up
from app.domain.messages.gateway_store import derived_hook_secret, hospital_transports
from app.domain.messages.hook import TOLERANCE_SECONDS, sign
from app.domain.messages.models import Channel, MessageEvent, MessageState, OutboundMessage
from app.domain.messages.operations import queue_message
from app.domain.messages.reminding import MessageReply
from app.domain.messages.rules import ATTEMPTS, CLAIM
from app.domain.messages.template_kinds import REMINDER
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient
from tests.integration.messages.conftest import HOOK_SECRET, SmsServer
from tests.support.platform import ACTOR, Platform

HOUR = timedelta(hours=1)


def queue(number: int = 0, *, phone: str = "+84912345678") -> UUID:
    """Queue one reminder by text message, and return its id."""
    patient = make_patient(phone=phone)
    appointment = make_appointment(patient_id=patient.id, starts_at=clock.now() + timedelta(days=3, minutes=number))
    key = f"{REMINDER}:{appointment.id}:1_day:sms"
    queue_message(
        key,
        REMINDER,
        channel=Channel.SMS,
        recipient=phone,
        appointment=appointment,
        patient=patient,
        rule="1_day",
        facts={"link": "https://v.vn/a/b"},
    )
    return db.session.scalars(sa.select(OutboundMessage.id).where(OutboundMessage.key == key)).one()


def read(message_id: UUID) -> OutboundMessage:
    return db.session.get_one(OutboundMessage, message_id)


def events() -> list[tuple[str, str]]:
    query = sa.select(MessageEvent.state, MessageEvent.source).order_by(MessageEvent.id)
    return [(row.state.value, row.source) for row in db.session.execute(query)]


@pytest.fixture
def deliver(app: Flask, alpha: str) -> Callable[..., int]:
    def run(code: str = alpha, *, later: timedelta = timedelta(0), **others: Any) -> int:
        with app.app_context(), bind_hospital(code), clock.frozen_at(clock.now() + later):
            with unit_of_work():
                transports = hospital_transports() | {Channel(name): way for name, way in others.items()}
            return deliver_due(transports)

    return run


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was told as failed for good."""
    monkeypatch.setattr(delivery, "_when_given_up", [])
    heard: list[str] = []
    when_given_up(lambda message: heard.append(message.reminder_rule or "-"))
    return heard


def test_a_text_message_is_sent_once_without_diacritics_and_costs_its_segments(
    bound: Any, deliver: Any, sms_server: SmsServer, alpha: str
) -> None:
    with bound(alpha):
        message_id = queue()
    assert deliver() == 1
    assert deliver() == 0
    (taken,) = sms_server.box.list()
    assert (taken.to, taken.reference, taken.hospital) == ("+84912345678", str(message_id), alpha)
    assert taken.text.isascii()
    assert "nhac Quy khach lich kham" in taken.text
    with bound(alpha):
        sent = read(message_id)
        assert (sent.state, sent.provider, sent.provider_id) == (MessageState.SENT, "sms", taken.id)
        assert (sent.segments, sent.cost, sent.attempts) == (1, 350, 1)
        assert events() == [("sent", "worker")]


def test_a_gateway_that_accepts_and_then_hangs_leaves_it_unknown_and_it_is_sent_once(
    bound: Any, deliver: Any, sms_server: SmsServer, alpha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "TIMEOUT_SECONDS", 3)
    sms_server.box.behaviour = Behaviour.HANG
    with bound(alpha):
        message_id = queue()
    deliver()
    with bound(alpha):
        assert read(message_id).state is MessageState.UNKNOWN
    sms_server.box.behaviour = Behaviour.ACCEPT
    for later in (CLAIM + timedelta(minutes=2), timedelta(days=1)):
        assert deliver(later=later) == 0
    assert sms_server.box.requests == 1
    (taken,) = sms_server.box.list()
    assert report_delivery(sms_server.places, taken, "delivered") == 204
    with bound(alpha):
        known = read(message_id)
        assert (known.state, known.provider_id) == (MessageState.DELIVERED, taken.id)
        assert known.delivered_at is not None


WORKER = """
from app import create_app
from app.core.unit_of_work import unit_of_work
from app.domain.messages.delivery import deliver_due
from app.domain.messages.gateway_store import hospital_transports
from app.tenancy.binding import bind_hospital

with create_app().app_context(), bind_hospital("alpha"):
    with unit_of_work():
        transports = hospital_transports()
    deliver_due(transports)
"""


def test_a_worker_killed_while_the_gateway_has_the_message_leaves_it_unknown_and_sent_once(
    platform: Platform, bound: Any, deliver: Any, sms_server: SmsServer, alpha: str
) -> None:
    sms_server.box.behaviour = Behaviour.HANG
    with bound(alpha):
        message_id = queue()
    settings = {"SMS_GATEWAY": sms_server.settings().model_dump_json(), "LOG_LEVEL": "ERROR"}
    environment = {**os.environ, **platform.environment(), **settings}
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment)
    try:
        _wait_until(lambda: sms_server.box.requests == 1)
    finally:
        worker.kill()
        assert worker.wait() == -signal.SIGKILL
    sms_server.box.behaviour = Behaviour.ACCEPT
    with bound(alpha):
        assert read(message_id).state is MessageState.SENDING
    assert deliver() == 0  # nobody touches it while it may be somebody's
    assert deliver(later=CLAIM + timedelta(minutes=2)) == 0
    with bound(alpha):
        assert (read(message_id).state, events()) == (MessageState.UNKNOWN, [("unknown", "worker")])
    assert (sms_server.box.requests, len(sms_server.box.list())) == (1, 1)


def _wait_until(happened: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("behaviour", "state", "requests", "heard"),
    [
        (Behaviour.BREAK, MessageState.UNKNOWN, 1, []),
        (Behaviour.REFUSE, MessageState.FAILED, 1, ["1_day"]),
        (Behaviour.LATER, MessageState.FAILED, ATTEMPTS, ["1_day"]),
    ],
)
def test_what_a_gateway_answers_decides_and_giving_up_is_told_once(
    bound: Any, deliver: Any, given_up: list[str], sms_server: SmsServer, alpha: str,
    behaviour: Behaviour, state: MessageState, requests: int, heard: list[str],
) -> None:  # fmt: skip
    with bound(alpha):
        message_id = queue()
    sms_server.box.behaviour = behaviour
    for turn in range(ATTEMPTS + 2):
        deliver(later=HOUR * turn)
    with bound(alpha):
        assert read(message_id).state is state
    assert (sms_server.box.requests, given_up) == (requests, heard)


def test_a_report_of_failure_is_told_once_and_late_news_change_nothing(
    bound: Any, deliver: Any, given_up: list[str], sms_server: SmsServer, alpha: str
) -> None:
    with bound(alpha):
        first, second = queue(0), queue(1)
    deliver()
    newest, oldest = sms_server.box.list()
    for _ in range(3):
        assert report_delivery(sms_server.places, oldest, "failed") == 204
    for state in ("delivered", "failed", "delivered"):
        assert report_delivery(sms_server.places, newest, state) == 204
    with bound(alpha):
        by_id = {str(one): read(one) for one in (first, second)}
        assert by_id[oldest.reference].state is MessageState.FAILED
        assert by_id[newest.reference].state is MessageState.DELIVERED
        assert sorted(events()) == sorted(
            [("sent", "worker")] * 2 + [("failed", "report"), ("delivered", "report"), ("failed", "report")]
        )
    assert given_up == ["1_day"]


def test_calls_that_are_forged_old_or_another_hospitals_have_no_effect(
    bound: Any, client: Any, deliver: Any, sms_server: SmsServer, alpha: str, beta: str
) -> None:
    with bound(alpha):
        message_id = queue()
    deliver()
    (taken,) = sms_server.box.list()
    said = {"event": "delivery", "id": taken.id, "reference": taken.reference, "state": "delivered"}
    body, now = json.dumps(said).encode(), int(time.time())
    own, others = derived_hook_secret(HOOK_SECRET, alpha), derived_hook_secret(HOOK_SECRET, beta)

    def post(code: str, secret: str, timestamp: int, sent: bytes = body, signature: str | None = None) -> int:
        headers = {"X-Vien-Timestamp": str(timestamp), "X-Vien-Signature": signature or sign(secret, timestamp, body)}
        return int(client.post(f"/h/{code}/hooks/sms", data=sent, headers=headers).status_code)

    assert post(alpha, "guessed", now) == 401
    assert post(alpha, others, now) == 401
    assert post(alpha, own, now - TOLERANCE_SECONDS - 5) == 401
    assert post(alpha, own, now, body.replace(b"delivered", b"failed")) == 401
    assert post(alpha, own, now, signature="v1=é") == 401
    assert post(beta, others, now) == 404  # well signed, of a message that is not beta's
    assert client.post("/hooks/sms", data=body).status_code == 404
    with bound(alpha):
        assert (read(message_id).state, events()) == (MessageState.SENT, [("sent", "worker")])
    assert [post(alpha, own, now), post(alpha, own, now)] == [204, 204]  # heard by somebody, and sent again
    with bound(alpha):
        assert (read(message_id).state, len(events())) == (MessageState.DELIVERED, 2)
    with bound(beta):
        assert events() == []


def test_whoever_cannot_sign_is_soon_not_answered_and_signed_calls_go_on(
    client: Any, sms_server: SmsServer, alpha: str
) -> None:
    answers = [client.post(f"/h/{alpha}/hooks/sms", data=b"{}").status_code for _ in range(22)]
    assert set(answers[:20]) == {401}
    assert answers[-1] == 429


NONSENSE = (
    *(b"", b"[]", b"{}", b'{"event": "reply", "id": "1"}', b'{"event": "delivery", "state": "delivered"}'),
    *(b'{"event": "delivery", "state": "sent", "id": "1"}', b"\xff"),
    b'{"event": "delivery", "state": "failed", "id": {"a": 1}}',
)


def test_a_signed_call_that_says_nothing_that_is_understood_is_answered_so(
    client: Any, sms_server: SmsServer, alpha: str
) -> None:
    now, secret = int(time.time()), derived_hook_secret(HOOK_SECRET, alpha)
    for body in NONSENSE:
        headers = {"X-Vien-Timestamp": str(now), "X-Vien-Signature": sign(secret, now, body)}
        assert client.post(f"/h/{alpha}/hooks/sms", data=body, headers=headers).status_code == 422


class Poison:
    """A way out that a certain message breaks."""

    name = "sms"

    def __init__(self, poison: str) -> None:
        self.poison = poison
        self.sent: list[str] = []

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        if letter.reference == self.poison:
            raise KeyError("nobody thought of this")
        commit()
        self.sent.append(letter.reference)
        return Outcome(MessageState.SENT, provider_id=letter.reference)


def test_of_ten_messages_the_third_is_poison_and_the_nine_others_are_sent_once(
    bound: Any, deliver: Any, given_up: list[str], sms_server: SmsServer, alpha: str
) -> None:
    with bound(alpha):
        messages = [queue(number) for number in range(10)]
    way = Poison(str(messages[2]))
    for turn in range(ATTEMPTS + 2):
        deliver(later=HOUR * turn, sms=way)
    assert sorted(way.sent) == sorted(str(one) for one in messages if one != messages[2])
    with bound(alpha):
        poisoned = read(messages[2])
        assert (poisoned.state, poisoned.error) == (MessageState.FAILED, "unexpected: KeyError")
    assert given_up == ["1_day"]


def test_a_hook_that_raises_undoes_only_itself(
    bound: Any, deliver: Any, given_up: list[str], sms_server: SmsServer, alpha: str
) -> None:
    @when_given_up
    def fail(message: OutboundMessage) -> None:
        message.body = "changed"
        db.session.flush()
        raise ValueError("of somebody else")

    with bound(alpha):
        message_id = queue()
    sms_server.box.behaviour = Behaviour.REFUSE
    deliver()
    with bound(alpha):
        assert read(message_id).state is MessageState.FAILED
        assert read(message_id).body != "changed"
    assert given_up == ["1_day"]


def test_a_person_decides_once_what_becomes_of_the_unknown(
    bound: Any, deliver: Any, sms_server: SmsServer, alpha: str
) -> None:
    sms_server.box.behaviour = Behaviour.BREAK
    with bound(alpha):
        again, arrived = queue(0), queue(1)
    deliver()
    sms_server.box.behaviour = Behaviour.ACCEPT
    with bound(alpha):
        send_again(ACTOR, again)
        take_as_delivered(ACTOR, arrived)
    for act, message_id in ((send_again, again), (take_as_delivered, arrived)):
        with pytest.raises(NotToBeDecided), bound(alpha):
            act(ACTOR, message_id)
    assert deliver() == 1
    assert [one.reference for one in sms_server.box.list()].count(str(again)) == 2
    assert [one.reference for one in sms_server.box.list()].count(str(arrived)) == 1
    with bound(alpha):
        assert (read(again).state, read(arrived).state) == (MessageState.SENT, MessageState.DELIVERED)


def test_an_answer_that_comes_after_the_report_does_not_take_it_back(
    bound: Any, deliver: Any, sms_server: SmsServer, alpha: str
) -> None:
    class Reporting:
        """A gateway whose report is faster than its answer."""

        name = "sms"

        def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
            commit()
            said = {"event": "delivery", "id": "p-1", "reference": letter.reference, "state": "delivered"}
            assert call(sms_server.places, alpha, said) == 204
            return Outcome(MessageState.SENT, provider_id="p-1", cost=350)

    with bound(alpha):
        message_id = queue()
    deliver(sms=Reporting())
    with bound(alpha):
        known = read(message_id)
        assert (known.state, known.provider_id, known.cost) == (MessageState.DELIVERED, "p-1", 350)


def test_a_reply_that_is_reported_again_has_one_effect(
    bound: Any, deliver: Any, sms_server: SmsServer, alpha: str
) -> None:
    with bound(alpha):
        visit_id = read(queue()).appointment_id
    deliver()
    said = {"event": "reply", "id": "re-1", "from": "+84912345678", "text": "1"}
    assert [call(sms_server.places, alpha, said) for _ in range(3)] == [204, 204, 204]
    with bound(alpha):
        assert db.session.get_one(Appointment, visit_id).confirmed_at is not None
        assert db.session.scalar(sa.select(sa.func.count()).select_from(MessageReply)) == 1
        acts = sa.select(sa.func.count()).select_from(AuditEntry).where(AuditEntry.action == "appointment.confirm")
        assert db.session.scalar(acts) == 1
