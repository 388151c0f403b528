"""Values of tests: what is read, what is refused, and how they stand to what is usual for a sex and an age."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from app.core.errors import InvalidValue
from app.core.formats.numbers import AmbiguousNumber
from app.domain.laboratory.errors import OutsidePhysicalLimits
from app.domain.laboratory.models import Flag, ValueKind
from app.domain.laboratory.rules import (
    Measure,
    Range,
    Reading,
    Release,
    age_in_days,
    flag_of,
    may_be_critical,
    pick_range,
    range_words,
    read_value,
    release_at,
)
from app.domain.laboratory.starting import starting_catalogue
from app.domain.patients.models import Sex

D = Decimal
POTASSIUM = Measure(
    UUID(int=1), "K", "Kali", "mmol/L", ValueKind.NUMBER,
    physical=(D(1), D(12)), critical=(D("2.8"), D("6.2")), usual=(D("3.5"), D("5.1")),
)  # fmt: skip
GRAVITY = Measure(UUID(int=2), "USG", "Tỷ trọng", None, ValueKind.NUMBER, physical=(D(1), D("1.06")))
ANTIGEN = Measure(
    UUID(int=3), "NS1", "NS1", None, ValueKind.CHOICE, choices=("Âm tính", "Dương tính"), normal_choices=("Âm tính",)
)


@pytest.mark.parametrize(
    ("typed", "value", "flag"),
    [
        ("4,2", "4.2", Flag.NORMAL),
        ("3.5", "3.5", Flag.NORMAL),
        ("3,4", "3.4", Flag.LOW),
        ("5,2", "5.2", Flag.HIGH),
        ("2,8", "2.8", Flag.CRITICAL_LOW),
        ("7,10", "7.10", Flag.CRITICAL_HIGH),
        ("<3,5", "3.5", Flag.LOW),
    ],
)
def test_a_number_is_flagged_by_range_and_critical_limits(typed: str, value: str, flag: Flag) -> None:
    reading = read_value(POTASSIUM, typed)
    assert (str(reading.value), flag_of(POTASSIUM, reading)) == (value, flag)


@pytest.mark.parametrize("typed", ["42", "0,42", "45", "0"])
def test_a_value_outside_the_physical_limits_is_refused(typed: str) -> None:
    with pytest.raises(OutsidePhysicalLimits):
        read_value(POTASSIUM, typed)


def test_of_two_readings_the_one_that_can_be_is_taken_and_else_it_is_asked_back() -> None:
    assert read_value(GRAVITY, "1.020").value == D("1.020")
    assert read_value(POTASSIUM, "4.125").value == D("4.125")
    with pytest.raises(AmbiguousNumber):
        read_value(Measure(UUID(int=4), "X", "X", None, ValueKind.NUMBER), "1.020")


def test_a_choice_is_one_of_the_choices() -> None:
    assert flag_of(ANTIGEN, read_value(ANTIGEN, "âm tính")) is Flag.NORMAL
    assert flag_of(ANTIGEN, read_value(ANTIGEN, "Dương tính")) is Flag.ABNORMAL
    with pytest.raises(InvalidValue):
        read_value(ANTIGEN, "có lẽ")


def test_without_a_range_nothing_is_said() -> None:
    assert flag_of(GRAVITY, Reading(D("1.02"))) is None


@pytest.mark.parametrize(
    ("sex", "days", "low"),
    [(Sex.MALE, 7000, 130), (Sex.FEMALE, 7000, 120), (Sex.OTHER, 7000, None), (Sex.MALE, 10, 140), (Sex.MALE, 30, 95)],
)
def test_the_range_is_that_of_sex_and_age(sex: Sex, days: int, low: int | None) -> None:
    ranges = [
        Range(None, 0, 30, D(140), D(220)), Range(None, 30, 5479, D(95), D(150)),
        Range(Sex.MALE, 5479, None, D(130), None), Range(Sex.FEMALE, 5479, None, D(120), None),
    ]  # fmt: skip
    assert pick_range(ranges, sex, days)[0] == low


def _usual(low: str | None, high: str | None, *critical: str | None) -> Measure:
    at = [None if one is None else D(one) for one in (low, high, *(critical or (None, None)))]
    return Measure(UUID(int=9), "X", "X", None, ValueKind.NUMBER, usual=(at[0], at[1]), critical=(at[2], at[3]))


CRP, TROPONIN = _usual(None, "5"), _usual(None, "34", None, "100")
TSH, INR = _usual("0.4", "4.0"), _usual("0.8", "1.2", None, "5.0")
HDL = _usual("1.0", None)


@pytest.mark.parametrize(
    ("measure", "typed", "flag", "open_to_be_critical"),
    [
        (CRP, "<6", None, False),
        (CRP, "<5", Flag.NORMAL, False),
        (CRP, "<0,3", Flag.NORMAL, False),
        (CRP, ">5", Flag.HIGH, False),
        (CRP, ">3", None, False),
        (TROPONIN, "<100", None, False),
        (TROPONIN, "<3", Flag.NORMAL, False),
        (TROPONIN, ">90", Flag.HIGH, True),
        (TROPONIN, ">100", Flag.CRITICAL_HIGH, False),
        (TSH, "<0,5", None, False),
        (TSH, "<0,4", Flag.LOW, False),
        (TSH, "<0,01", Flag.LOW, False),
        (TSH, ">100", Flag.HIGH, False),
        (INR, ">4,5", Flag.HIGH, True),
        (INR, ">1,1", None, False),
        (INR, ">8", Flag.CRITICAL_HIGH, False),
        (INR, "4,5", Flag.HIGH, False),
        (HDL, ">1,0", Flag.NORMAL, False),
        (HDL, ">0,5", None, False),
        (POTASSIUM, "<2,8", Flag.CRITICAL_LOW, False),
        (POTASSIUM, "<3,0", Flag.LOW, True),
        (POTASSIUM, "<6", None, False),
        (_usual(None, None, None, "5"), ">4", None, True),
        (_usual(None, "5", "1", None), "<4", None, True),
    ],
)
def test_of_a_bound_only_what_holds_of_every_value_beyond_it_is_said(
    measure: Measure, typed: str, flag: Flag | None, open_to_be_critical: bool
) -> None:
    reading = read_value(measure, typed)
    assert (flag_of(measure, reading), may_be_critical(measure, reading)) == (flag, open_to_be_critical)


def test_a_choice_can_be_critical() -> None:
    smear = Measure(
        UUID(int=5), "AFB", "AFB", None, ValueKind.CHOICE,
        choices=("Âm tính", "1+", "3+"), normal_choices=("Âm tính",), critical_choices=("3+",),
    )  # fmt: skip
    flags = [flag_of(smear, read_value(smear, typed)) for typed in smear.choices]
    assert flags == [Flag.NORMAL, Flag.ABNORMAL, Flag.CRITICAL]
    assert Flag.CRITICAL.is_critical


@pytest.mark.parametrize("typed", ["1.234", "1,234", "2.500", ">1.234"])
def test_a_thousand_is_never_made_of_a_point(typed: str) -> None:
    creatinine = Measure(UUID(int=6), "CRE", "Creatinin", "µmol/L", ValueKind.NUMBER, physical=(D(5), D(3000)))
    with pytest.raises(AmbiguousNumber):
        read_value(creatinine, typed)


@pytest.mark.parametrize("born_on", [date(2012, 3, 1), date(2011, 12, 31), date(2012, 2, 29), date(2009, 3, 1)])
def test_a_range_by_years_begins_on_the_birthday(born_on: date) -> None:
    for years, days in ((6, 2192), (12, 4383), (15, 5479), (18, 6574)):
        on = date(born_on.year + years, born_on.month, born_on.day) if born_on != date(2012, 2, 29) else (
            date(2012 + years, 2, 29) if years == 12 else date(2012 + years, 3, 1)
        )  # fmt: skip
        assert age_in_days(born_on, on) >= days, (born_on, years)
        assert age_in_days(born_on, on - timedelta(days=1)) < days, (born_on, years)


def test_an_age_grows_with_every_day_and_counts_the_days_of_the_newborn() -> None:
    born_on = date(2024, 1, 31)
    ages = [age_in_days(born_on, born_on + timedelta(days=n)) for n in range(3000)]
    assert ages[:59] == list(range(59))
    assert ages == sorted(ages)
    assert all(abs(age - n) <= 3 for n, age in enumerate(ages))


def test_an_age_is_never_negative() -> None:
    assert age_in_days(date(2024, 2, 29), date(2024, 3, 1)) == 1
    assert age_in_days(date(2024, 2, 29), date(2024, 1, 1)) == 0


def test_a_result_is_released_as_the_hospital_decided() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    assert release_at(Release.AT_ONCE, 24, at) == at
    assert release_at(Release.AFTER_HOURS, 24, at) == at + timedelta(days=1)
    assert release_at(Release.AFTER_REVIEW, 24, at) is None


def test_ranges_are_said_with_a_comma() -> None:
    assert [range_words(D("3.5"), D("5.10")), range_words(None, D(40)), range_words(D(1), None)] == [
        "3,5–5,1", "≤ 40", "≥ 1",
    ]  # fmt: skip


def test_the_starting_catalogue_fits_together() -> None:
    rows = starting_catalogue()
    tests = {row["code"]: row for row in rows["tests"]}
    analytes = {row["code"]: row for row in rows["analytes"]}
    assert len(tests) == len(rows["tests"])
    assert len(analytes) == len(rows["analytes"])
    measured = {row["test"] for row in rows["analytes"]}
    assert measured == {code for code, row in tests.items() if row["kind"] == "laboratory"}
    assert {code for row in rows["panels"] for code in row["tests"].split()} <= set(tests)
    for row in rows["ranges"]:
        physical = analytes[row["analyte"]]
        for limit in (row["low"], row["high"]):
            assert limit is None or physical["physical_low"] <= limit <= physical["physical_high"], row
