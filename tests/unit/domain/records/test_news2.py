"""NEWS2 as its charts say it (Royal College of Physicians, 2017): each band at both of its ends."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from app.domain.records.models import Consciousness
from app.domain.records.news2 import Risk, applies, score

WELL = {
    "respiratory_rate": 16, "spo2": 98, "systolic": 120, "pulse": 72, "temperature_c": Decimal("36.8"),
    "on_oxygen": False, "consciousness": Consciousness.ALERT, "spo2_scale": 1,
}  # fmt: skip


def measured(**values: object) -> SimpleNamespace:
    return SimpleNamespace(**{**WELL, **values})


def points(name: str, **values: object) -> int:
    return score(measured(**values)).points[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("respiratory_rate", {8: 3, 9: 1, 11: 1, 12: 0, 20: 0, 21: 2, 24: 2, 25: 3}),
        ("spo2", {91: 3, 92: 2, 93: 2, 94: 1, 95: 1, 96: 0, 100: 0}),
        ("systolic", {90: 3, 91: 2, 100: 2, 101: 1, 110: 1, 111: 0, 219: 0, 220: 3}),
        ("pulse", {40: 3, 41: 1, 50: 1, 51: 0, 90: 0, 91: 1, 110: 1, 111: 2, 130: 2, 131: 3}),
        ("temperature_c", {"35.0": 3, "35.1": 1, "36.0": 1, "36.1": 0, "38.0": 0, "38.1": 1, "39.0": 1, "39.1": 2}),
    ],
)
def test_every_band_scores_as_the_chart_says(name: str, expected: dict[object, int]) -> None:
    assert {value: points(name, **{name: Decimal(str(value))}) for value in expected} == expected


@pytest.mark.parametrize(
    ("on_oxygen", "expected"),
    [
        (False, {83: 3, 84: 2, 85: 2, 86: 1, 87: 1, 88: 0, 92: 0, 93: 0, 97: 0}),
        (True, {83: 3, 85: 2, 87: 1, 88: 0, 92: 0, 93: 1, 94: 1, 95: 2, 96: 2, 97: 3}),
    ],
)
def test_the_second_scale_scores_too_much_oxygen(on_oxygen: bool, expected: dict[int, int]) -> None:
    found = {value: points("spo2", spo2=value, spo2_scale=2, on_oxygen=on_oxygen) for value in expected}
    assert found == expected


def test_oxygen_scores_two_and_whoever_is_not_alert_three() -> None:
    assert points("on_oxygen", on_oxygen=True) == 2
    assert {points("consciousness", consciousness=each) for each in Consciousness if each != "alert"} == {3}


@pytest.mark.parametrize(
    ("values", "total", "risk"),
    [
        ({}, 0, Risk.LOW),
        ({"pulse": 95, "temperature_c": Decimal("38.5"), "spo2": 95, "systolic": 105}, 4, Risk.LOW),
        ({"consciousness": Consciousness.CONFUSION}, 3, Risk.LOW_MEDIUM),
        ({"respiratory_rate": 22, "on_oxygen": True, "pulse": 95}, 5, Risk.MEDIUM),
        ({"respiratory_rate": 25, "on_oxygen": True, "spo2": 93}, 7, Risk.HIGH),
    ],
)
def test_the_risk_follows_the_total_and_a_single_three(values: dict[str, object], total: int, risk: Risk) -> None:
    found = score(measured(**values))
    assert (found.total, found.risk, found.is_whole) == (total, risk, True)


def test_what_is_missing_is_named_and_never_taken_as_normal() -> None:
    found = score(measured(consciousness=None, on_oxygen=None, respiratory_rate=30))
    assert found.missing == ("on_oxygen", "consciousness")
    assert (found.total, found.risk, found.is_whole) == (3, Risk.LOW_MEDIUM, False)


def test_it_is_made_from_the_sixteenth_birthday_on() -> None:
    assert not applies(date(2010, 5, 2), date(2026, 5, 1))
    assert applies(date(2010, 5, 2), date(2026, 5, 2))
