"""Work that was given up: written once, told once, decided once."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.actor import system_actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.queue import queue_named
from app.core.unit_of_work import unit_of_work
from app.tenancy.alerts.raising import raise_alerts
from app.tenancy.alerts.watched import CENTRE
from app.tenancy.dead_letters import (
    CannotRetry,
    LetterClosed,
    LetterFilter,
    count_open,
    dismiss_dead_letter,
    get_dead_letter,
    list_dead_letters,
    put_dead_letter,
    retry_dead_letter,
)
from app.tenancy.models import (
    Alert,
    AlertRule,
    DeadLetter,
    DeadLetterState,
    LetterSource,
    PlatformAuditEntry,
    SecurityEvent,
)

ACTOR = system_actor("test")


def _give_up(hospital: str | None = None, name: str = "sync_hospital") -> UUID:
    return put_dead_letter(LetterSource.JOB, name, reason="failed", detail="ValueError", hospital=hospital)


def test_the_same_work_given_up_twice_is_one_letter_and_one_event(app: Flask) -> None:
    with app.app_context():
        first, second = _give_up("alpha"), _give_up("alpha")
        assert first == second
        assert get_dead_letter(first).attempts == 2
        assert get_dead_letter(first).hospital_code == "alpha"
        events = db.session.scalars(sa.select(SecurityEvent).where(SecurityEvent.kind == "work.given_up")).all()
        assert [event.subject_id for event in events] == [first]
        assert _give_up("beta") != first
        assert count_open() == {"alpha": 1, "beta": 1}


def test_new_letters_of_a_hospital_raise_one_alert(app: Flask) -> None:
    with app.app_context(), unit_of_work():
        for name in ("sync_hospital", "deliver_messages"):
            _give_up("alpha", name)
        raise_alerts(CENTRE)
        raise_alerts(CENTRE)
        query = sa.select(AlertRule.name, Alert.events).join(Alert, Alert.rule_id == AlertRule.id)
        assert [tuple(row) for row in db.session.execute(query)] == [("Có việc không thực hiện được", 2)]


def test_letters_are_found_by_what_is_asked_for(app: Flask) -> None:
    with app.app_context():
        _give_up("alpha")
        put_dead_letter(LetterSource.EVENT, "live", reason="poison", hospital="alpha", payload={"position": 7})
        put_dead_letter(LetterSource.JOB, "audit_platform", reason="lost")
        assert list_dead_letters(LetterFilter()).total == 3
        assert [row.name for row in list_dead_letters(LetterFilter(source=LetterSource.EVENT)).items] == ["live"]
        assert list_dead_letters(LetterFilter(state=DeadLetterState.DISMISSED)).total == 0
        assert list_dead_letters(LetterFilter(name="audit_platform")).items[0].hospital_code is None


def test_work_done_again_is_asked_for_once_and_written_down(app: Flask) -> None:
    with app.app_context():
        letter_id = _give_up("alpha")
        waiting = queue_named("hospital").count
        with unit_of_work():
            retry_dead_letter(ACTOR, letter_id)
        with unit_of_work(), pytest.raises(LetterClosed):
            retry_dead_letter(ACTOR, letter_id)
        assert queue_named("hospital").count == waiting + 1
        assert get_dead_letter(letter_id).state is DeadLetterState.RETRIED
        actions = db.session.scalars(sa.select(PlatformAuditEntry.action)).all()
        assert actions.count("dead_letter.retry") == 1
        assert _give_up("alpha") != letter_id  # given up anew, it is a new letter


def test_work_of_which_nobody_knows_how_stays_open(app: Flask) -> None:
    with app.app_context():
        letter_id = _give_up("alpha", name="a job of another release")
        with pytest.raises(CannotRetry), unit_of_work():
            retry_dead_letter(ACTOR, letter_id)
        assert db.session.get_one(DeadLetter, letter_id).state is DeadLetterState.OPEN


@pytest.mark.parametrize("why", ["", "   ", "x" * 501])
def test_dismissing_needs_a_reason(app: Flask, why: str) -> None:
    with app.app_context():
        letter_id = _give_up()
        with pytest.raises(InvalidValue), unit_of_work():
            dismiss_dead_letter(ACTOR, letter_id, why)
        assert get_dead_letter(letter_id).state is DeadLetterState.OPEN


def test_what_was_dismissed_says_why_and_by_whom(app: Flask) -> None:
    with app.app_context():
        letter_id = _give_up()
        with unit_of_work():
            dismiss_dead_letter(ACTOR, letter_id, "  was done by hand ")
        letter = get_dead_letter(letter_id)
        assert (letter.state, letter.decision, letter.decided_name) == (
            DeadLetterState.DISMISSED,
            "was done by hand",
            "test",
        )
