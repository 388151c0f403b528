"""From the booking to the mail in the patient's box: real scheduler, real worker, real Valkey, real SMTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.messages.models import MessageState, OutboundMessage
from app.domain.messages.reminders import plan_reminders, queue_confirmation
from app.domain.messages.rules import CLAIM
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient
from tests.integration.jobs.conftest import QueueServer, Start, until
from tests.integration.messages.conftest import SmtpServer, smtp_server
from tests.support.platform import ACTOR, Platform

__all__ = ["smtp_server"]


def book() -> None:
    patient = make_patient(email="an@example.vn")
    appointment = make_appointment(patient_id=patient.id, starts_at=clock.now() + timedelta(days=3))
    plan_reminders(ACTOR, appointment, patient)
    queue_confirmation(ACTOR, appointment, patient)


def let_a_day_pass(platform: Platform, code: str) -> None:
    """Make the reminder of one day before due, as if two days had passed since the booking."""
    with platform.admin(code) as connection:
        connection.execute(
            "UPDATE appointment_reminders SET due_at = created_at, created_at = created_at - interval '2 days'"
            " WHERE rule = '1_day'"
        )


def states(app: Flask, code: str) -> dict[str, MessageState]:
    with app.app_context(), bind_hospital(code), unit_of_work():
        found = db.session.execute(sa.select(OutboundMessage.template, OutboundMessage.state))
        return {row[0]: row[1] for row in found}


def subjects(server: SmtpServer) -> list[str]:
    return [mail["Subject"].split(":")[0] for mail in server.sink.accepted]


@pytest.fixture
def mail(smtp_server: SmtpServer) -> dict[str, Any]:
    return {"MAIL_URL": smtp_server.url, "MAIL_FROM": "Bệnh viện <no-reply@vien.example>"}


def test_a_booking_is_confirmed_at_once_and_reminded_of_by_the_schedule(
    app: Flask, bound, platform: Platform, start: Start, smtp_server: SmtpServer, mail: dict[str, str], alpha: str
) -> None:
    worker = start("worker", **mail)
    worker.waits_for("worker at work")
    with bound(alpha):
        book()
    assert until(lambda: subjects(smtp_server) == ["Xác nhận lịch khám"]), worker.log()
    let_a_day_pass(platform, alpha)
    scheduler = start("scheduler")
    assert until(lambda: len(smtp_server.sink.accepted) == 2), worker.log() + scheduler.log()
    assert subjects(smtp_server) == ["Xác nhận lịch khám", "Nhắc lịch khám"]
    assert until(lambda: set(states(app, alpha).values()) == {MessageState.SENT})
    assert "an@example.vn" not in worker.log() + scheduler.log()


def test_nothing_is_lost_when_redis_is_away_from_booking_to_reminder(
    app: Flask,
    bound,
    platform: Platform,
    queue_server: QueueServer,
    start: Start,
    smtp_server: SmtpServer,
    mail: dict[str, str],
    alpha: str,
) -> None:
    queue_server.kill()
    with bound(alpha):
        book()
    let_a_day_pass(platform, alpha)
    queue_server.revive()
    worker, scheduler = start("worker", **mail), start("scheduler")
    assert until(lambda: len(smtp_server.sink.accepted) == 2), worker.log() + scheduler.log()
    assert sorted(subjects(smtp_server)) == ["Nhắc lịch khám", "Xác nhận lịch khám"]


def test_a_worker_killed_while_it_talks_to_the_mail_server_sends_nothing_twice(
    app: Flask, bound, platform: Platform, start: Start, smtp_server: SmtpServer, mail: dict[str, str], alpha: str
) -> None:
    smtp_server.sink.hang_before_recipient = 60
    worker = start("worker", **mail)
    worker.waits_for("worker at work")
    with bound(alpha):
        book()
    assert until(lambda: smtp_server.sink.connections == 1), worker.log()
    worker.kill()
    smtp_server.sink.hang_before_recipient = 0
    assert states(app, alpha) == {"confirmation": MessageState.QUEUED}
    end_the_claim(platform, alpha)
    start("worker", **mail)
    start("scheduler")
    assert until(lambda: subjects(smtp_server) == ["Xác nhận lịch khám"])
    assert until(lambda: states(app, alpha) == {"confirmation": MessageState.SENT})


def end_the_claim(platform: Platform, code: str) -> None:
    """Let the time pass after which a dead worker's message is free again."""
    with platform.admin(code) as connection:
        _shift(connection, CLAIM + timedelta(minutes=2))


def _shift(connection: psycopg.Connection[Any], span: timedelta) -> None:
    connection.execute("UPDATE outbound_messages SET next_attempt_at = next_attempt_at - %s", (span,))
