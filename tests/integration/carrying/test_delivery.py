"""Consumers inside a hospital: told in order, each effect once, whatever fails on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.audit import consumers
from app.domain.audit.delivery import TRIES, has_undelivered, list_cursors
from app.domain.audit.models import OutboxCursor, OutboxEvent
from app.domain.audit.operations import record_change
from app.domain.centre.relaying import relay_events
from app.tenancy.binding import bind_hospital
from app.tenancy.dead_letters import retry_dead_letter
from app.tenancy.models import DeadLetter, SyncCursor
from tests.integration.carrying.conftest import Witness
from tests.integration.jobs.conftest import away
from tests.support.platform import ACTOR, Platform


def tell(kind: str = "staff.create") -> None:
    record_change(ACTOR, kind, subject_type="staff", subject_id=new_id(), event={})


def relay(app: Flask, code: str) -> None:
    with app.app_context():
        relay_events(code)


def cursor_of(name: str = "witness") -> OutboxCursor:
    return next(row for row in list_cursors() if row.consumer == name)


def test_a_consumer_hears_every_event_once_and_in_order(app: Flask, bound, alpha: str, witness: Witness) -> None:
    with bound(alpha):
        for _ in range(5):
            tell()
    relay(app, alpha)
    relay(app, alpha)
    with bound(alpha):
        assert len(witness.effects()) == 5
        assert witness.told == sorted(witness.told)
        assert cursor_of().position == witness.told[-1]
        assert not has_undelivered()


def test_relays_at_once_have_one_effect(app: Flask, bound, alpha: str, witness: Witness) -> None:
    with bound(alpha):
        for _ in range(30):
            tell()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: relay(app, alpha), range(4)))
    relay(app, alpha)
    with bound(alpha):
        effects = witness.effects()
        assert (len(effects), len(set(effects))) == (30, 30)


def test_what_a_failing_consumer_wrote_is_gone_and_the_others_hear(
    app: Flask, bound, alpha: str, witness: Witness
) -> None:
    heard: list[str] = []
    consumers.consumer("other")(lambda events: heard.extend(event.kind for event in events))
    with bound(alpha):
        for number in range(4):
            tell(f"event.{number}")
    witness.fails = lambda event: event.kind == "event.2"
    moment = clock.now()
    with clock.frozen_at(moment):
        relay(app, alpha)
    with bound(alpha):
        assert len(witness.effects()) == 2  # those before; what comes after must not overtake it
        assert (cursor_of().failures, cursor_of().last_error) == (1, "ValueError")
    assert heard == [f"event.{number}" for number in range(4)]
    witness.fails = lambda _event: False
    with clock.frozen_at(moment):
        relay(app, alpha)
    with bound(alpha):
        assert len(witness.effects()) == 2, "it is set aside for a while"
    with clock.frozen_at(moment + timedelta(minutes=10)):
        relay(app, alpha)
    with bound(alpha):
        assert len(witness.effects()) == len(set(witness.effects())) == 4
        assert cursor_of().failures == 0


def test_an_event_that_fails_again_and_again_becomes_a_dead_letter_is_passed_by_and_can_be_told_again(
    app: Flask, bound, alpha: str, witness: Witness, drain: Callable[[], int]
) -> None:
    with bound(alpha):
        for number in range(3):
            tell(f"event.{number}")
    witness.fails = lambda event: event.kind == "event.1"
    moment = clock.now()
    for number in range(TRIES):
        with clock.frozen_at(moment + timedelta(minutes=10 * number)):
            relay(app, alpha)
    with bound(alpha):
        assert len(witness.effects()) == 2
        assert not has_undelivered()
    with app.app_context(), unit_of_work() as session:
        (letter,) = session.scalars(sa.select(DeadLetter)).all()
        assert (letter.name, letter.reason, letter.detail) == ("witness", "poison", "ValueError")
        assert letter.payload["kind"] == "event.1"
        letter_id = letter.id
    witness.fails = lambda _event: False
    with app.app_context(), unit_of_work():
        retry_dead_letter(ACTOR, letter_id)
    drain()
    with bound(alpha):
        assert len(witness.effects()) == len(set(witness.effects())) == 3


def test_a_consumer_hears_while_the_centre_is_away(
    app: Flask, bound, platform: Platform, alpha: str, witness: Witness
) -> None:
    relay(app, alpha)  # the hospital is known
    with bound(alpha):
        tell()
    with away(platform, platform.central_name), pytest.raises(sa.exc.DBAPIError):
        relay(app, alpha)
    with bound(alpha):
        assert len(witness.effects()) == 1
    relay(app, alpha)
    with app.app_context(), unit_of_work() as session:
        assert session.scalars(sa.select(SyncCursor.position)).one() > 0
    with bound(alpha):
        assert len(witness.effects()) == 1


def test_a_consumer_of_some_kinds_or_from_now_on_hears_no_others(
    app: Flask, bound, alpha: str, witness: Witness
) -> None:
    some: list[str] = []
    late: list[str] = []
    consumers.consumer("some", kinds={"appointment.cancel"})(lambda events: some.extend(one.kind for one in events))
    with bound(alpha):
        tell("appointment.book")
        tell("appointment.cancel")
    relay(app, alpha)
    consumers.consumer("late", from_now=True)(lambda events: late.extend(one.kind for one in events))
    relay(app, alpha)
    with bound(alpha):
        tell("appointment.move")
    relay(app, alpha)
    assert some == ["appointment.cancel"]
    assert late == ["appointment.move"]
    with bound(alpha):
        assert cursor_of("some").position == cursor_of("witness").position


def test_a_name_is_taken_once(witness: Witness) -> None:
    for name in ("witness", "centre"):
        with pytest.raises(ValueError, match="registered twice"):
            consumers.consumer(name)(lambda _events: None)


def test_an_event_in_a_unit_that_is_rolled_back_is_never_heard(app: Flask, bound, alpha: str, witness: Witness) -> None:
    def fails() -> Any:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            tell()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    relay(app, alpha)
    with bound(alpha):
        assert witness.effects() == []
        assert db.session.scalar(sa.select(sa.func.count(OutboxEvent.id))) == 0


def test_the_command_line_shows_every_cursor(app: Flask, bound, alpha: str, witness: Witness) -> None:
    with bound(alpha):
        tell()
    relay(app, alpha)
    result = app.test_cli_runner().invoke(args=["hospital", "events", alpha, "--json"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["newest"] == facts["centre"] == witness.told[-1]
    assert [(row["consumer"], row["failures"]) for row in facts["consumers"]] == [("witness", 0)]
