"""Allergies as people write them: each is warned of, or said to be one that could not be compared."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.domain.prescriptions.checks import Prescribed, find_uncompared, find_warnings, list_unnamed
from app.domain.prescriptions.formulary import starting_formulary
from app.domain.prescriptions.substances import groups_named, ingredients_of, substance_key

FORMULARY = [one for entry in starting_formulary() for one in ingredients_of(entry.name, ())]
SULFADIAZINE = ("Bạc sulfadiazin", "D06BA01")


def medicine(name: str, atc: str | None = None) -> Prescribed:
    return Prescribed(UUID(int=1), name, ingredients_of(name, ()), atc)


def asked(allergy: str, name: str, atc: str | None = None) -> list[bool]:
    """Return of each warning whether it asks for a reason."""
    return [one.needs_reason for one in find_warnings([medicine(name, atc)], [], [allergy], {})]


def uncompared(*allergies: str) -> list[str]:
    found = find_uncompared(list_unnamed(allergies), FORMULARY)
    return [str(one.message).split(": ", 1)[1].split(". ", 1)[0] for one in found]


@pytest.mark.parametrize(
    ("allergy", "name", "atc"),
    [
        ("Penicillins", "Amoxicilin", "J01CA04"),
        ("PNC", "Amoxicilin", "J01CA04"),
        ("Pênixilin", "Amoxicilin", "J01CA04"),
        ("β-lactam", "Amoxicilin", "J01CA04"),
        ("Cephalosporins", "Cefixim", "J01DD08"),
        ("NSAIDs", "Ibuprofen", "M01AE01"),
        ("Sulfonamides", "Sulfamethoxazol + Trimethoprim", "J01EE01"),
        ("quinolones", "Levofloxacin", "J01MA12"),
        ("Dị ứng kháng sinh nhóm Macrolide", "Azithromycin", "J01FA10"),
        ("Aspirin 81mg", "Acid acetylsalicylic", "B01AC06"),
        ("Dị ứng aspirin", "Acid acetylsalicylic", None),
        ("Aspirin, ibuprofen", "Acid acetylsalicylic", None),
        ("Aspirin, ibuprofen", "Ibuprofen", None),
        ("axit acetylsalicylic", "Acid acetylsalicylic", None),
        ("Acetylsalicylic acid", "Acid acetylsalicylic", None),
        ("Acetaminophen 500mg", "Paracetamol", "N02BE01"),
        ("Kháng sinh (penicillin)", "Amoxicilin", "J01CA04"),
        ("Thuốc giảm đau (aspirin)", "Acid acetylsalicylic", None),
        ("Kháng sinh: penicillin", "Amoxicilin", "J01CA04"),
        ("Chlorpheniramin", "Clorpheniramin", "R06AB04"),
        ("Chlorpheniramine maleate", "Clorpheniramin", "R06AB04"),
        ("Hydrochlorothiazide", "Hydroclorothiazid", "C03AA03"),
        ("Chloroquine", "Cloroquin", None),
        ("Metformin HCl", "Metformin", None),
        ("Metformin hydrochloride", "Metformin", None),
        ("Diclofenac sodium", "Diclofenac", None),
        ("Losartan potassium", "Losartan", None),
        ("Sắt", "Sắt fumarat", None),
        ("Dị ứng sắt", "Sắt fumarat", None),
        ("kẽm", "Kẽm (kẽm gluconat)", None),
        ("Vitamin C", "Acid ascorbic (vitamin C)", None),
        ("Vitamin B6", "B6", None),
        ("Co-trimoxazole", "Sulfamethoxazol", None),
        ("Amoxicillin/clavulanate", "Acid clavulanic", None),
    ],
)
def test_an_allergy_in_an_ordinary_spelling_is_warned_of(allergy: str, name: str, atc: str | None) -> None:
    assert asked(allergy, name, atc) == [True]
    assert uncompared(allergy) == [] or name == "Cloroquin", "what is warned of has been compared"


@pytest.mark.parametrize(
    ("allergy", "name", "atc"),
    [
        ("Gentamicin", "Tobramycin", "S01AA12"),
        ("Aminoglycosides", "Gentamicin", "S01AA11"),
        ("Aminoglycosides", "Netilmicin", "S01AA23"),
        ("Aminoglycosides", "Neomycin", "D06AX04"),
        ("Aminoglycosides", "Gentamicin", "D06AX07"),
        ("Quinolones", "Ciprofloxacin", "S01AE03"),
        ("Quinolones", "Ofloxacin", "S02AA16"),
        ("Sulfa", "Sulfacetamid", "S01AB04"),
        ("Sulfamethoxazole", *SULFADIAZINE),
        ("Tetracyclines", "Tetracyclin", "S01AA09"),
        ("Tetracyclines", "Clortetracyclin", "S01AA02"),
        ("Tetracyclines", "Oxytetracyclin", "D06AA03"),
        ("NSAID", "Ketorolac", "S01BC05"),
        ("Ibuprofen", "Acid acetylsalicylic", "B01AC06"),
        ("Opioids", "Codein", "R05DA04"),
        ("Penicillin", "Lansoprazol + amoxicilin + clarithromycin", "A02BD07"),
        ("Macrolides", "Thuốc phối hợp", "A02BD05"),
        ("Ampicillin", "Amoxicilin", "J01CA04"),
        ("Amoxicillin", "Cloxacilin", None),
        ("Cephalexin", "Cefuroxim", "J01DC02"),
        ("beta-lactams", "Cefuroxim", None),
        ("Atorvastatin", "Rosuvastatin", "C10AA07"),
    ],
)
def test_the_group_of_a_substance_is_warned_of_in_eyes_ears_and_on_the_skin_too(
    allergy: str, name: str, atc: str | None
) -> None:
    (warned,) = find_warnings([medicine(name, atc)], [], [allergy], {})
    assert warned.needs_reason
    assert groups_named(allergy)[0].name in str(warned.message)


@pytest.mark.parametrize(
    ("allergy", "name", "atc"),
    [
        ("Penicillin", "Cefuroxim", "J01DC02"),
        ("Amoxicillin", "Cefalexin", None),
        ("Cephalosporins", "Amoxicilin", "J01CA04"),
        ("Meropenem", "Amoxicilin", "J01CA04"),
    ],
)
def test_what_is_near_to_a_group_is_said_without_asking_for_a_reason(allergy: str, name: str, atc: str | None) -> None:
    assert asked(allergy, name, atc) == [False]


@pytest.mark.parametrize(
    ("allergy", "name", "atc"),
    [
        ("Nystatin", "Atorvastatin", "C10AA05"),
        ("Thuốc sát khuẩn", "Sắt fumarat", None),
        ("Kem chống nắng", "Kẽm (kẽm gluconat)", None),
        ("Diclofenac natri", "Natri clorid", None),
        ("Kali clorid", "Losartan kali", None),
        ("Magnesi sulfat", "Sulfamethoxazol", "J01EC01"),
        ("Tetracycline", "Azithromycin", "J01FA10"),
        ("Tôm, cua", "Tobramycin", "S01AA12"),
        ("Vitamin B6", "Vitamin B1", None),
        ("Paracetamol", "Ibuprofen", "M01AE01"),
    ],
)
def test_what_only_looks_alike_is_not_warned_of(allergy: str, name: str, atc: str | None) -> None:
    assert asked(allergy, name, atc) == []


@pytest.mark.parametrize(
    ("allergy", "parts"),
    [
        ("Phấn hoa", ["Phấn hoa"]),
        ("Thuốc không rõ tên", ["Thuốc không rõ tên"]),
        ("Penicillin, Zyxacol", ["Zyxacol"]),
        ("Tôm và ibuprofen", ["Tôm"]),
        ("Zyxacol: phù mặt", ["Zyxacol: phù mặt"]),
        ("Aspirin, 81mg", []),
        ("Ampicillin", []),
        ("", []),
    ],
)
def test_what_names_nothing_known_could_not_be_compared_and_says_so(allergy: str, parts: list[str]) -> None:
    found = find_uncompared(list_unnamed([allergy]), FORMULARY)
    assert all(one.needs_reason for one in found)
    assert uncompared(allergy) == parts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Chloroquine", "Cloroquin"),
        ("Hydrochlorothiazide", "Hydroclorothiazid"),
        ("Metformin HCl", "Metformin hydroclorid"),
        ("Diclofenac sodium", "Diclofenac natri"),
        ("Metoprolol succinate", "Metoprolol"),
        ("Cefuroxime axetil", "Cefuroxim"),
        ("Ascorbic acid", "Acid ascorbic"),
        ("Ferrous sulfate", "Sắt fumarat"),
    ],
)
def test_duplicates_and_interactions_know_the_same_spellings(one: str, other: str) -> None:
    assert substance_key(one) == substance_key(other)
