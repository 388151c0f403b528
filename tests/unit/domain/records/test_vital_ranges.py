from __future__ import annotations

from decimal import Decimal

import pytest

from app.domain.records.vital_ranges import (
    RANGES,
    ImplausibleVitalSign,
    Level,
    VitalSign,
    assess,
    bmi,
    bmi_words,
    check_blood_pressure,
    check_plausible,
    is_seldom,
    words,
)


@pytest.mark.parametrize(
    ("sign", "value", "level", "said"),
    [
        (VitalSign.TEMPERATURE, "36.0", Level.LOW, "Low temperature"),
        (VitalSign.TEMPERATURE, "36.1", Level.NORMAL, None),
        (VitalSign.TEMPERATURE, "37.4", Level.NORMAL, None),
        (VitalSign.TEMPERATURE, "37.5", Level.HIGH, "Fever"),
        (VitalSign.PULSE, "59", Level.LOW, "Slow pulse"),
        (VitalSign.PULSE, "100", Level.NORMAL, None),
        (VitalSign.PULSE, "101", Level.HIGH, "Fast pulse"),
        (VitalSign.RESPIRATORY_RATE, "11", Level.LOW, "Slow breathing"),
        (VitalSign.RESPIRATORY_RATE, "21", Level.HIGH, "Fast breathing"),
        (VitalSign.SYSTOLIC, "139", Level.NORMAL, None),
        (VitalSign.SYSTOLIC, "140", Level.HIGH, "High blood pressure"),
        (VitalSign.DIASTOLIC, "59", Level.LOW, "Low blood pressure"),
        (VitalSign.DIASTOLIC, "90", Level.HIGH, "High blood pressure"),
        (VitalSign.SPO2, "95", Level.LOW, "Low oxygen saturation"),
        (VitalSign.SPO2, "96", Level.NORMAL, None),
        (VitalSign.PAIN, "4", Level.HIGH, "Moderate or severe pain"),
        (VitalSign.PAIN, "0", Level.NORMAL, None),
        (VitalSign.WEIGHT, "60", None, None),
    ],
)
def test_what_is_unusual_for_an_adult_is_said(
    sign: VitalSign, value: str, level: Level | None, said: str | None
) -> None:
    found = assess(sign, Decimal(value))
    shown = words(sign, found)
    assert found is level
    assert (None if shown is None else str(shown)) == said


def test_children_are_not_measured_by_adult_ranges() -> None:
    assert assess(VitalSign.PULSE, 130, adult=False) is None
    assert words(VitalSign.PULSE, None) is None


@pytest.mark.parametrize("sign", list(VitalSign))
def test_the_limits_are_plausible_and_beyond_them_is_refused_at_the_field(sign: VitalSign) -> None:
    limits = RANGES[sign]
    assert check_plausible(sign, limits.lowest) == limits.lowest
    assert check_plausible(sign, limits.highest) == limits.highest
    for beyond in (limits.lowest - Decimal("0.1"), limits.highest + Decimal("0.1")):
        with pytest.raises(ImplausibleVitalSign) as caught:
            check_plausible(sign, beyond)
        assert caught.value.field == sign.value


def test_a_refusal_says_what_is_possible() -> None:
    with pytest.raises(ImplausibleVitalSign, match="Temperature must be between 20 and 45"):
        check_plausible(VitalSign.TEMPERATURE, Decimal("98.6"))


def test_a_value_keeps_the_decimals_of_its_sign() -> None:
    assert check_plausible(VitalSign.TEMPERATURE, Decimal("36.65")) == Decimal("36.7")
    assert check_plausible(VitalSign.PULSE, Decimal("72")) == Decimal("72")


@pytest.mark.parametrize(("systolic", "diastolic"), [(120, 80), (None, None), (81, 80), (60, None), (0, None), (0, 0)])
def test_a_blood_pressure_is_whole_or_absent_or_too_faint_for_its_lower_value(
    systolic: int | None, diastolic: int | None
) -> None:
    check_blood_pressure(systolic, diastolic)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "field"),
    [
        (80, 80, "diastolic"),
        (80, 120, "diastolic"),
        (120, None, "diastolic"),
        (90, None, "diastolic"),
        (0, 40, "diastolic"),
        (None, 80, "systolic"),
    ],
)
def test_half_or_inverted_blood_pressure_is_refused(systolic: int | None, diastolic: int | None, field: str) -> None:
    with pytest.raises(ImplausibleVitalSign) as caught:
        check_blood_pressure(systolic, diastolic)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("weight", "height", "index", "said"),
    [
        ("45", "160", "17.6", "Underweight"),
        ("55", "160", "21.5", "Normal weight"),
        ("60", "160", "23.4", "Overweight"),
        ("70", "160", "27.3", "Obese"),
    ],
)
def test_the_body_mass_index_is_said_by_the_asian_limits(weight: str, height: str, index: str, said: str) -> None:
    value = bmi(Decimal(weight), Decimal(height))
    assert value == Decimal(index)
    assert str(bmi_words(value)) == said


@pytest.mark.parametrize(
    ("sign", "value", "seldom"),
    [
        (VitalSign.RESPIRATORY_RATE, 0, True), (VitalSign.PULSE, 0, True), (VitalSign.SYSTOLIC, 0, True),
        (VitalSign.PULSE, 29, True), (VitalSign.PULSE, 30, False), (VitalSign.SPO2, 59, True),
        (VitalSign.PAIN, 10, False),
    ],
)  # fmt: skip
def test_what_a_resuscitation_measures_can_be_and_is_seldom(sign: VitalSign, value: int, seldom: bool) -> None:
    assert check_plausible(sign, value) == value
    assert is_seldom(sign, value) is seldom
