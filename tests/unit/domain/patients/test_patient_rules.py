"""What a searched text may mean, how allergies are written, and what must hold of a patient's data."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest

from app.core.errors import InvalidValue
from app.domain.patients.models import AllergyState, Sex
from app.domain.patients.rules import (
    Allergy,
    PatientDetails,
    Sought,
    check_details,
    parse_allergies,
    read_query,
    write_allergies,
)

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("typed", "sought"),
    [
        ("BN-000123", Sought(code="BN-000123")),
        ("bn 123", Sought(code="BN-000123")),
        ("123", Sought(code="BN-000123")),
        ("GD 4 79 0123456789", Sought(bhyt="GD4790123456789")),
        ("001 056 000 007", Sought(cccd="001056000007", bhyt="001056000007")),
        ("0912 345 678", Sought(bhyt="0912345678", phone="+84912345678")),
        ("+84 912.345.678", Sought(phone="+84912345678")),
        ("Đặng", Sought(name="dang")),
        (unicodedata.normalize("NFD", "Nguyễn Ánh"), Sought(name="nguyen anh")),
        ("%", Sought(name="%")),
        ("", Sought()),
    ],
)
def test_a_searched_text_is_read_as_what_it_can_be(typed: str, sought: Sought) -> None:
    assert read_query(typed) == sought


@pytest.mark.parametrize("typed", ["", " ", "a", "%"])
def test_one_letter_is_not_looked_for(typed: str) -> None:
    assert read_query(typed).is_empty


def test_allergies_are_read_line_by_line_and_a_repeated_one_counts_once() -> None:
    found = parse_allergies("Penicillin: nổi mề đay\n\n  Tôm \npenicillin\n")
    assert found == (Allergy("Penicillin", "nổi mề đay"), Allergy("Tôm"))
    assert parse_allergies(write_allergies(found)) == found


def test_details_are_kept_in_one_form() -> None:
    typed = PatientDetails(
        full_name=unicodedata.normalize("NFD", "  Nguyễn   Văn An "),
        born_on=date(1984, 3, 15),
        sex=Sex.MALE,
        phone="0912 345 678",
        bhyt="gd 4 79 0123456789",
    )
    kept = check_details(typed, TODAY)
    assert (kept.full_name, kept.phone, kept.bhyt) == ("Nguyễn Văn An", "+84912345678", "GD4790123456789")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"full_name": "  "}, "full_name"),
        ({"full_name": "12345"}, "full_name"),
        ({"born_on": date(2026, 11, 22)}, "born_on"),
        ({"allergy_state": AllergyState.KNOWN}, "allergies"),
        ({"allergies": (Allergy("Tôm"),)}, "allergy_state"),
    ],
)
def test_what_cannot_be_kept_names_its_field(changes: dict[str, object], field: str) -> None:
    facts = {"full_name": "Nguyễn Văn An", "born_on": date(1984, 3, 15), "sex": Sex.MALE, **changes}
    with pytest.raises(InvalidValue) as refused:
        check_details(PatientDetails(**facts), TODAY)  # type: ignore[arg-type]
    assert refused.value.field == field
