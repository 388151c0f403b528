from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.core.formats.dates import (
    Age,
    AgeUnit,
    age,
    date_from_parts,
    format_date,
    format_datetime,
    format_time,
    is_adult,
    months_between,
    parse_date,
    years_between,
)

HOME = ZoneInfo("Asia/Ho_Chi_Minh")
any_date = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@pytest.mark.parametrize(
    "typed",
    [
        "15/03/1984",
        "15/3/1984",
        "15031984",
        "15-3-1984",
        "15.03.1984",
        "15 03 1984",
        " 1984-03-15 ",
        "15 / 3 / 1984",
    ],
)
def test_a_date_is_read_in_every_usual_form(typed: str) -> None:
    assert parse_date(typed) == date(1984, 3, 15)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "day/month/year"),
        ("hôm qua", "day/month/year"),
        ("15/03", "day/month/year"),
        ("19840315", "between 1900"),
        ("31/02/2024", "There is no 31/02/2024"),
        ("29/02/2023", "There is no 29/02/2023"),
        ("15/13/1984", "There is no 15/13/1984"),
        ("00/01/2000", "There is no 00/01/2000"),
        ("15/03/84", "four digits"),
        ("150384", "four digits"),
        ("15/03/19840", "four digits"),
        ("15/03/0984", "between 1900"),
        ("15/03/" + "9" * 400, "four digits"),
        ("١٥/٠٣/١٩٨٤", "day/month/year"),
    ],
)
def test_what_is_no_date_is_refused_with_its_reason(typed: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        parse_date(typed)


def test_a_date_is_read_from_three_fields() -> None:
    assert date_from_parts(" 5", "3 ", "1984") == date(1984, 3, 5)
    with pytest.raises(InvalidValue, match="in digits"):
        date_from_parts("5", "", "1984")


@given(any_date)
def test_a_written_date_is_read_back(day: date) -> None:
    assert parse_date(format_date(day)) == day
    assert parse_date(format_date(day).replace("/", "")) == day
    assert parse_date(day.isoformat()) == day


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_dates(text: str) -> None:
    with suppress(InvalidValue):
        assert isinstance(parse_date(text), date)


def test_an_instant_is_shown_on_the_clocks_of_the_hospital() -> None:
    instant = datetime(2026, 11, 20, 18, 5, tzinfo=UTC)
    assert format_datetime(instant, HOME) == "21/11/2026 01:05"
    assert format_time(instant, HOME) == "01:05"


def test_an_instant_without_a_zone_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_time(datetime(2026, 11, 20, 18, 5), HOME)


@pytest.mark.parametrize(
    ("born", "on", "expected", "words"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), Age(0, AgeUnit.DAYS), "0 days old"),
        (date(2026, 11, 19), date(2026, 11, 20), Age(1, AgeUnit.DAYS), "1 day old"),
        (date(2026, 10, 21), date(2026, 11, 20), Age(30, AgeUnit.DAYS), "30 days old"),
        (date(2026, 10, 20), date(2026, 11, 20), Age(1, AgeUnit.MONTHS), "1 month old"),
        (date(2023, 11, 21), date(2026, 11, 20), Age(35, AgeUnit.MONTHS), "35 months old"),
        (date(2023, 11, 20), date(2026, 11, 20), Age(3, AgeUnit.YEARS), "3 years old"),
        (date(1984, 12, 1), date(2026, 11, 20), Age(41, AgeUnit.YEARS), "41 years old"),
    ],
)
def test_an_age_is_said_in_days_months_or_years(born: date, on: date, expected: Age, words: str) -> None:
    assert age(born, on) == expected
    assert str(age(born, on)) == words


def test_nobody_is_born_in_the_future() -> None:
    with pytest.raises(InvalidValue, match="future"):
        age(date(2026, 11, 21), date(2026, 11, 20))


@pytest.mark.parametrize(
    ("born", "on", "adult"),
    [
        (date(2008, 11, 20), date(2026, 11, 20), True),
        (date(2008, 11, 21), date(2026, 11, 20), False),
        (date(2008, 2, 29), date(2026, 2, 28), False),
        (date(2008, 2, 29), date(2026, 3, 1), True),
        (date(2010, 2, 28), date(2028, 2, 29), True),
        (date(2010, 3, 1), date(2028, 2, 29), False),
    ],
)
def test_adults_are_born_on_or_before_the_day_18_years_ago(born: date, on: date, adult: bool) -> None:
    assert is_adult(born, on) is adult


@given(any_date, any_date)
def test_months_and_years_agree(one: date, other: date) -> None:
    born, on = sorted((one, other))
    assert months_between(born, on) // 12 == years_between(born, on)
    assert years_between(born, on) >= 0
