"""What a prescription is warned of: spellings, groups, the same ingredient twice, interactions."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.domain.prescriptions.checks import Interaction, Prescribed, find_warnings
from app.domain.prescriptions.models import Severity, WarningKind
from app.domain.prescriptions.substances import ingredients_of, matches, substance_key


def medicine(number: int, name: str, atc: str | None = None, running: str | None = None) -> Prescribed:
    return Prescribed(UUID(int=number), name, ingredients_of(name, ()), atc, running)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Amoxicillin", "amoxicilin"),
        ("Cephalexin", "Cefalexin"),
        ("Aspirin", "Acid acetylsalicylic"),
        ("Acetaminophen", "Paracetamol"),
        ("Perindopril arginin", "perindopril"),
        ("Acid ascorbic (vitamin C)", "acid ascorbic"),
        ("CLARITHROMYCINE", "Clarithromycin"),
    ],
)
def test_spellings_and_names_of_one_substance_are_one(one: str, other: str) -> None:
    assert substance_key(one) == substance_key(other)


@pytest.mark.parametrize(
    ("allergy", "ingredient", "warned"),
    [
        ("Dị ứng Amoxicillin", "Amoxicilin", True),
        ("sulfamethoxazol", "Sulfamethoxazol", True),
        ("Tôm, cua", "Tobramycin", False),
        ("acid", "Acid clavulanic", True),
        ("", "Amoxicilin", False),
    ],
)
def test_an_allergy_is_matched_by_whole_words(allergy: str, ingredient: str, warned: bool) -> None:
    assert matches(allergy, ingredient) is warned


@pytest.mark.parametrize(
    ("allergy", "name", "atc", "count"),
    [
        ("Amoxicillin", "Amoxicilin + Acid clavulanic", "J01CR02", 1),
        ("Penicillin", "Amoxicilin", "J01CA04", 1),
        ("Penicillin", "Amoxicilin", None, 1),
        ("Penicillin", "Doxycyclin", None, 0),
        ("thuốc kháng viêm không steroid", "Ibuprofen", "M01AE01", 1),
        ("Phấn hoa", "Amoxicilin", "J01CA04", 0),
    ],
)
def test_allergies_warn_by_ingredient_and_by_group(allergy: str, name: str, atc: str | None, count: int) -> None:
    found = find_warnings([medicine(1, name, atc)], [], [allergy], {})
    assert [one.kind for one in found] == [WarningKind.ALLERGY] * count
    assert all(one.needs_reason for one in found)


def test_an_ingredient_that_stands_twice_asks_for_a_reason() -> None:
    found = find_warnings([medicine(1, "Paracetamol"), medicine(2, "Tramadol + Paracetamol")], [], [], {})
    assert [(one.kind, one.needs_reason) for one in found] == [(WarningKind.DUPLICATE, True)]


def test_what_is_still_taken_is_said_without_asking_for_a_reason() -> None:
    found = find_warnings([medicine(1, "Amlodipin")], [medicine(1, "Amlodipin", running="DT-000001")], [], {})
    assert [one.needs_reason for one in found] == [False]
    assert "DT-000001" in str(found[0].message)


@pytest.mark.parametrize(
    ("severity", "asks"),
    [(Severity.CONTRAINDICATED, True), (Severity.MAJOR, True), (Severity.MODERATE, False), (Severity.MINOR, False)],
)
def test_a_grave_interaction_asks_for_a_reason_and_its_key_holds_its_gravity(severity: Severity, asks: bool) -> None:
    known = {("clarithromicin", "simvastatin"): Interaction(severity, "Tiêu cơ vân", None, "Nguồn")}
    items = [medicine(1, "Simvastatin"), medicine(2, "Clarithromycin")]
    (found,) = find_warnings(items, [], [], known)
    assert (found.needs_reason, found.severity, severity.value in found.key) == (asks, severity, True)
    (against_running,) = find_warnings(items[:1], [medicine(2, "Clarithromycin", running="DT-1")], [], known)
    assert against_running.needs_reason is asks


def test_warnings_come_in_one_order_whatever_order_the_medicines_have() -> None:
    items = [medicine(1, "Paracetamol"), medicine(2, "Paracetamol + Codein"), medicine(3, "Ibuprofen", "M01AE01")]
    one = find_warnings(items, [], ["Ibuprofen"], {})
    other = find_warnings(items[::-1], [], ["Ibuprofen"], {})
    assert [entry.key for entry in one] == [entry.key for entry in other]
    assert one[0].kind is WarningKind.ALLERGY
