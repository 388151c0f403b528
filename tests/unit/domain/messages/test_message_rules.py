"""When patients are reminded, and how patiently a message is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.messages.rules import ATTEMPTS, RULES, due_times, pause_after

STARTS = datetime(2026, 12, 12, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "rules"),
    [
        (timedelta(days=3), ["1_day", "2_hours"]),
        (timedelta(days=1, seconds=1), ["1_day", "2_hours"]),
        (timedelta(days=1), ["2_hours"]),
        (timedelta(hours=2), []),
        (timedelta(0), []),
    ],
)
def test_only_reminders_still_to_come_are_planned(before: timedelta, rules: list[str]) -> None:
    assert [code for code, _ in due_times(STARTS, STARTS - before)] == rules


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_reminder_is_always_due_after_now_and_before_the_visit(before: timedelta) -> None:
    now = STARTS - before
    assert all(now < due_at < STARTS for _, due_at in due_times(STARTS, now))


def test_a_failed_message_is_tried_with_growing_patience_and_given_up() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, ATTEMPTS)]
    assert pauses == [timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=8), timedelta(minutes=32)]
    assert pause_after(ATTEMPTS) is None


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
