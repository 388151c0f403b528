from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.core.formats.numbers import AmbiguousNumber
from app.domain.prescriptions.doses import (
    Dose,
    InvalidDose,
    QuantityNeeded,
    check_handed_over,
    format_quantity,
    is_package,
    parse_amount,
    parse_dose,
    parse_quantity,
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
        (Dose(Decimal(1), 1, 9), "ống", "9", "09 ống"),
    ],
)
def test_the_quantity_follows_from_the_dose(dose: Dose, unit: str, quantity: str, shown: str) -> None:
    assert dose.quantity(unit) == Decimal(quantity)
    assert format_quantity(dose.quantity(unit), unit) == shown


@pytest.mark.parametrize(
    ("amount", "unit", "dose_unit", "content", "quantity"),
    [
        ("10", "bút", "đơn vị", "300", "1"),
        ("24", "bút", "đơn vị", "300", "3"),
        ("5", "chai", "ml", "60", "3"),
        ("2", "lọ", "giọt", None, None),
        ("1", "tuýp", "lớp mỏng", None, None),
        ("1", "Tuýp", None, None, None),
        ("1", "lọ", "lọ", None, "30"),
        ("2.5", "ml", "ml", None, "75"),
    ],
)
def test_the_quantity_is_in_packages_by_what_they_hold_or_unknown(
    amount: str, unit: str, dose_unit: str | None, content: str | None, quantity: str | None
) -> None:
    dose, typed = Dose(Decimal(amount), 1, 30), Decimal(2)
    found = dose.quantity(unit, dose_unit, Decimal(content) if content else None)
    assert found == (Decimal(quantity) if quantity else None)
    assert check_handed_over(dose, unit, dose_unit, None, typed) == typed
    if found is None:
        with pytest.raises(QuantityNeeded) as caught:
            check_handed_over(dose, unit, dose_unit, None, None)
        assert caught.value.field == "quantity"


@pytest.mark.parametrize("typed", ["0", "-1", "10001", "1.000", "hai"])
def test_what_is_no_quantity_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        parse_quantity(typed)
    assert parse_quantity(" ") is None


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


def test_the_starting_formulary_counts_no_dose_in_packages() -> None:
    for entry in starting_formulary():
        assert entry.dose_unit is not None or not is_package(entry.unit), entry.code
    pen = next(entry for entry in starting_formulary() if entry.code == "INSGLA")
    dose = Dose(Decimal(10), 1, 30)
    assert str(dose.text(pen.dose_unit)) == "10 đơn vị × 1 times a day × 30 days"
    assert dose.quantity(pen.unit, pen.dose_unit, pen.package_content) == 1


def test_existing_hospitals_are_given_the_units_of_the_starting_formulary() -> None:
    root = Path(__file__).parents[4]
    text = (root / "migrations/hospital/versions/h019_prescribe_safely.py").read_text(encoding="utf-8")
    given = set(re.findall(r"\('([A-Z0-9]+)', '(\w+)', '([\w ]+)', (NULL|\d+)\)", text))
    assert given == {
        (entry.code, entry.unit, entry.dose_unit, str(entry.package_content or "NULL"))
        for entry in starting_formulary()
        if entry.dose_unit
    }
