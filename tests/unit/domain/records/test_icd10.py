from __future__ import annotations

import csv
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.records.icd10 import UnknownDiagnosis, get, search


def codes(query: str, locale: str = "vi", limit: int = 20) -> list[str]:
    return [diagnosis.code for diagnosis in search(query, locale, limit)]


@pytest.mark.parametrize("written", ["J06.9", "j06.9", "J069", " j069 "])
def test_a_code_is_read_with_or_without_its_point(written: str) -> None:
    diagnosis = get(written)
    assert diagnosis.code == "J06.9"
    assert diagnosis.title("vi") == "Nhiễm trùng đường hô hấp trên cấp, không đặc hiệu"
    assert diagnosis.title("en") == "Acute upper respiratory infection, unspecified"


@pytest.mark.parametrize("written", ["", "J", "J06.99", "J00-J06", "IX", "xyz"])
def test_a_code_that_is_no_diagnosis_is_refused(written: str) -> None:
    with pytest.raises(UnknownDiagnosis):
        get(written)


def test_a_diagnosis_without_vietnamese_title_is_shown_in_english() -> None:
    assert get("A00.1").title_vi is None
    assert get("A00.1").title("vi") == "Cholera due to Vibrio cholerae 01, biovar eltor"


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("I10", "I10"),
        ("e11.9", "E11.9"),
        ("e119", "E11.9"),
        ("tăng huyết áp vô căn", "I10"),
        ("tang huyet ap vo can", "I10"),
        ("ho", "R05"),
        ("hen phe", "J45"),
        ("viêm họng cấp", "J02"),
        ("dai thao duong tip 2", "E11"),
        ("gan nhiem mo", "K76.0"),
        ("myopia", "H52.1"),
        ("tay chan mieng", "B08.4"),
    ],
)
def test_the_expected_diagnosis_comes_first(query: str, first: str) -> None:
    assert codes(query)[0] == first


def test_codes_come_before_titles() -> None:
    assert codes("j06") == ["J06", "J06.0", "J06.8", "J06.9"]
    assert codes("e")[0] == "E00"


def test_titles_of_the_readers_language_come_before_the_other() -> None:
    translated_first = [diagnosis.title_vi is not None for diagnosis in search("migraine", "vi", 5)]
    assert translated_first == [True, True, False, False, False]
    assert codes("ho", "en", 1) != codes("ho", "vi", 1) == ["R05"]


def test_typed_diacritics_prefer_the_exact_word() -> None:
    assert all("mũi" in (diagnosis.title_vi or "").lower() for diagnosis in search("mũi", limit=5))


def test_every_word_of_the_query_must_be_found() -> None:
    assert codes("viem hong khongcotunay") == []
    assert codes("") == codes("   ") == codes("%%") == []


def test_the_limit_is_kept_and_nothing_comes_twice() -> None:
    found = codes("a", limit=15)
    assert len(found) == len(set(found)) == 15


@pytest.mark.parametrize("query", ["a", "ho", "unspecified", "of un", "s o", "viem", "tang huyet ap", "j06"])
def test_short_and_common_words_find_no_more_than_asked(query: str) -> None:
    assert 1 <= len(search(query, limit=5)) <= 5


@given(st.text(max_size=150), st.sampled_from(["vi", "en"]))
def test_no_text_breaks_the_search(query: str, locale: str) -> None:
    assert len(search(query, locale, 5)) <= 5


def test_every_vietnamese_title_belongs_to_a_code_and_none_comes_twice() -> None:
    table = resources.files("app.domain.records").joinpath("data", "icd10_vi.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert len(rows) == len({row["code"] for row in rows}) >= 200
    assert all(get(row["code"]).title_vi == row["title_vi"].strip() for row in rows)
