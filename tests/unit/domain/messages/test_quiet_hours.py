"""Reminders and quiet hours on the hospital's own clocks, also on days on which these are moved."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.messages.quiet import QuietHours
from app.domain.messages.replies import Word, read_reply
from app.domain.messages.rules import Rule, due_times, minutes_of, out_of_quiet_hours

HOME, BERLIN = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(21), time(7))


def at(text: str, zone: ZoneInfo = HOME) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("due", "starts", "sent"),
    [
        ("2026-11-24T12:00", "2026-11-24T14:00", "2026-11-24T12:00"),
        ("2026-11-24T06:30", "2026-11-24T08:30", "2026-11-24T07:00"),
        ("2026-11-24T05:15", "2026-11-24T07:15", "2026-11-23T20:45"),
        ("2026-11-23T22:00", "2026-11-24T22:00", "2026-11-24T07:00"),
        ("2026-11-23T21:00", "2026-11-24T07:00", "2026-11-23T20:45"),
    ],
)
def test_a_reminder_due_in_quiet_hours_is_sent_after_them_or_where_that_is_too_late_before(
    due: str, starts: str, sent: str
) -> None:
    assert out_of_quiet_hours(at(due), at(starts), NIGHT, HOME) == at(sent)


def test_a_reminder_of_a_day_comes_at_the_visits_hour_also_when_the_clocks_were_moved() -> None:
    for starts in ("2026-03-29T09:00", "2026-10-25T09:00"):
        ((_, due),) = due_times(at(starts, BERLIN), at("2026-01-01T00:00", BERLIN), [Rule(1440)], zone=BERLIN)
        assert due.astimezone(BERLIN).time() == time(9)
        assert due.astimezone(BERLIN).date() == at(starts).date() - timedelta(days=1)


@given(
    starts=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    minutes=st.sampled_from([15, 45, 120, 1440, 4320]),
    begin=st.integers(0, 23),
    length=st.integers(1, 17),
    zone=st.sampled_from([HOME, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]),
)
@settings(max_examples=120)
def test_no_reminder_is_due_in_quiet_hours_nor_after_the_visit(
    starts: datetime, minutes: int, begin: int, length: int, zone: ZoneInfo
) -> None:
    visit = starts.replace(tzinfo=zone).astimezone(UTC)
    quiet = QuietHours(time(begin), time((begin + length) % 24))
    for _, due in due_times(visit, visit - timedelta(days=10), [Rule(minutes)], quiet=quiet, zone=zone):
        assert due < visit
        assert not quiet.hold_at(due, zone)


@pytest.mark.parametrize("minutes", [1440, 4320, 60, 120, 45, 1, 90])
def test_a_rules_code_says_how_long_before(minutes: int) -> None:
    assert minutes_of(Rule(minutes).code) == minutes


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1", Word.YES),
        ("Có", Word.YES),
        ("CO A", Word.YES),
        ("xn", Word.YES),
        ("Xác nhận", Word.YES),
        ("1.", Word.YES),
        ("2", Word.NO),
        ("Hủy lịch khám", Word.NO),
        ("huy", Word.NO),
        ("1 2", Word.UNCLEAR),
        ("không hủy", Word.UNCLEAR),
        ("12", Word.UNCLEAR),
        ("", Word.UNCLEAR),
        ("cảm ơn", Word.UNCLEAR),
        ("có thể đến trễ không", Word.UNCLEAR),
        ("1" * 500, Word.UNCLEAR),
    ],
)
def test_only_a_clear_word_counts(text: str, word: Word) -> None:
    assert read_reply(text) is word
