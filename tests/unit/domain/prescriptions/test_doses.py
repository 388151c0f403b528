from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.core.formats.numbers import AmbiguousNumber
from app.domain.prescriptions.doses import (
    Dose,
    InvalidDose,
    format_quantity,
    parse_amount,
    parse_dose,
)
from app.domain.prescriptions.formulary import starting_formulary


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1", "1"),
        ("0,5", "0.5"),
        ("2.5", "2.5"),
        ("0.125", "0.125"),
        ("1/2", "0.5"),
        ("½", "0.5"),
        ("1½", "1.5"),
        ("1 1/2", "1.5"),
        ("3/4", "0.75"),
        ("1/8", "0.125"),
    ],
)
def test_an_amount_is_read_as_number_or_fraction(typed: str, amount: str) -> None:
    assert parse_amount(typed) == Decimal(amount)


@pytest.mark.parametrize("typed", ["1.000", "1,000", "2.500"])
def test_an_ambiguous_amount_is_asked_back(typed: str) -> None:
    with pytest.raises(AmbiguousNumber):
        parse_amount(typed)


@pytest.mark.parametrize("typed", ["", "0", "-1", "0,0001", "1001", "1/3", "1/0", "một viên", "½½"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        parse_amount(typed)


@pytest.mark.parametrize(
    ("amount", "times", "days", "field"),
    [
        ("1", "0", "5", "times_per_day"),
        ("1", "25", "5", "times_per_day"),
        ("1", "2", "0", "days"),
        ("1", "2", "366", "days"),
        ("1", "hai", "5", "times_per_day"),
        ("1", "2", "1,5", "days"),
    ],
)
def test_a_dose_outside_the_limits_is_refused_at_its_field(amount: str, times: str, days: str, field: str) -> None:
    with pytest.raises(InvalidDose) as caught:
        parse_dose(amount, times, days)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("dose", "unit", "quantity", "shown"),
    [
        (Dose(Decimal(1), 2, 5), "viên", "10", "10 viên"),
        (Dose(Decimal("0.5"), 3, 5), "viên", "8", "08 viên"),
        (Dose(Decimal("7.5"), 3, 5), "ml", "112.5", "112,5 ml"),
        (Dose(Decimal("0.1"), 1, 1), "tuýp", "1", "01 tuýp"),
    ],
)
def test_the_quantity_follows_from_the_dose(dose: Dose, unit: str, quantity: str, shown: str) -> None:
    assert dose.quantity(unit) == Decimal(quantity)
    assert format_quantity(dose.quantity(unit), unit) == shown


def test_a_dose_is_written_for_the_patient() -> None:
    assert str(parse_dose("1/2", "3", "5").text("viên")) == "0,5 viên × 3 times a day × 5 days"


amounts = st.decimals(min_value="0.001", max_value=1000, places=3)


@given(amounts, st.integers(1, 24), st.integers(1, 365), st.sampled_from(["viên", "ml", "gói"]))
def test_the_quantity_covers_every_dose_and_wastes_less_than_one_unit(
    amount: Decimal, times: int, days: int, unit: str
) -> None:
    needed = amount * times * days
    quantity = Dose(amount, times, days).quantity(unit)
    assert needed <= quantity < needed + 1


def test_the_starting_formulary_is_complete() -> None:
    entries = starting_formulary()
    assert len(entries) == len({entry.code for entry in entries}) >= 60
    assert all(entry.name and entry.strength and entry.form and entry.unit and entry.route for entry in entries)
    assert all(3 <= len(entry.atc_code) <= 7 for entry in entries)
