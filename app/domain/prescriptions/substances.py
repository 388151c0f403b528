"""Ingredients by whatever spelling they are written: amoxicillin and Amoxicilin are one, so are aspirin and its acid.

Groups to which people say that they are allergic are those of the ATC classification, by the codes of their classes
(WHO Collaborating Centre for Drug Statistics Methodology).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from app.core.formats.names import search_key

# Two names of one substance: the international nonproprietary name second.
_SYNONYMS = {
    "aspirin": "acid acetilsalicilic",
    "acetilsalicilic acid": "acid acetilsalicilic",
    "acetaminofen": "paracetamol",
    "albuterol": "salbutamol",
    "epinefrin": "adrenalin",
    "gliburid": "glibenclamid",
}
# A salt or ester after the name of a substance says nothing about what it does.
_SALTS = frozenset(
    {
        "natri", "kali", "calci", "magnesi", "arginin", "succinat", "fumarat", "hidroclorid", "clorid", "hidrobromid",
        "sulfat", "fosfat", "maleat", "tartrat", "besilat", "mesilat", "citrat", "acetat", "dipropionat", "propionat",
        "furoat", "trihidrat", "hidrat", "carbonat", "gluconat",
    }
)  # fmt: skip
_ASIDE = re.compile(r"\([^)]*\)")
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_JOINED = re.compile(r"\s*\+\s*")
_SHORTEST_WORD = 4


@dataclass(frozen=True, slots=True)
class AllergyGroup:
    """Substances that are named together, and how their ATC codes begin."""

    name: str
    words: tuple[str, ...]
    atc: tuple[str, ...]


def substance_key(text: str) -> str:
    """Return the form in which spellings of a substance agree: unaccented, no salts, ph as f, y as i."""
    words = []
    for word in _NOT_LETTERS.sub(" ", _ASIDE.sub(" ", search_key(text))).split():
        plain = re.sub(r"(.)\1+", r"\1", word.replace("ph", "f").replace("y", "i")) if not word.isdigit() else word
        words.append(plain[:-1] if len(plain) > _SHORTEST_WORD and plain.endswith("e") else plain)
    while len(words) > 1 and words[-1] in _SALTS:
        words.pop()
    key = " ".join(words)
    return _SYNONYMS.get(key, key)


def ingredients_of(name: str, ingredients: Sequence[str]) -> tuple[str, ...]:
    """Return a medicine's ingredients: as they are recorded, or as its name joins them by +."""
    return tuple(ingredients) or tuple(part for part in _JOINED.split(name) if part)


def matches(substance: str, ingredient: str) -> bool:
    """Tell whether a substance that somebody is allergic to names an ingredient, or a part of it."""
    one, other = set(substance_key(substance).split()), set(substance_key(ingredient).split())
    if not one or not other or not (one <= other or other <= one):
        return False
    return any(len(word) >= _SHORTEST_WORD for word in one & other)


def groups_named(substance: str) -> list[AllergyGroup]:
    """Return the groups that a substance names, such as penicillins or sulfa."""
    words = f" {substance_key(substance)} "
    return [group for group in allergy_groups() if any(f" {word} " in words for word in group.words)]


@cache
def allergy_groups() -> tuple[AllergyGroup, ...]:
    """Return the groups in the order of the file."""
    table = resources.files("app.domain.prescriptions").joinpath("data", "allergy_groups.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return tuple(
        AllergyGroup(row["name"], tuple(row["words"].split("|")), tuple(row["atc"].split("|"))) for row in rows
    )
