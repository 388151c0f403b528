"""Ingredients by whatever spelling they are written: amoxicillin and Amoxicilin are one, so are aspirin and its acid.

Groups to which people say that they are allergic are those of the ATC classification, by the codes of their classes
(WHO Collaborating Centre for Drug Statistics Methodology), and by the stems of the international nonproprietary names
(WHO, The use of stems in the selection of INN): `-cilin` ends a name, `cef-` begins one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from app.core.formats.names import normalise_name, search_key

_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_ASIDE = re.compile(r"\(([^)]*)\)")
_JOINED = re.compile(r"\s*\+\s*")
_SHORTEST_WORD = 4
_KEPT_KEYS = 50_000


def _plain(word: str) -> str:
    """Even out a word's spelling: chl as cl, ph as f, y as i, no doubled letters, no closing s or e."""
    if word.isdigit():
        return word
    plain = re.sub(r"ch(?=[lr])", "c", word).replace("ph", "f").replace("y", "i")
    plain = re.sub(r"(.)\1+", r"\1", plain)
    for closing in ("s", "e"):
        if len(plain) > _SHORTEST_WORD and plain.endswith(closing):
            plain = plain[:-1]
    return plain


# Other names of a substance, as `_plain` leaves them, word by word: the international nonproprietary name second.
_SYNONYMS = {
    "aspirin": "acid acetilsalicilic",
    "acetaminofen": "paracetamol",
    "albuterol": "salbutamol",
    "epinefrin": "adrenalin",
    "norepinefrin": "noradrenalin",
    "gliburid": "glibenclamid",
    "rifampin": "rifampicin",
    "meperidin": "pethidin",
    "petidin": "pethidin",
    "lignocain": "lidocain",
    "xilocain": "lidocain",
    "frusemid": "furosemid",
    "clavulanat": "acid clavulanic",
    "cotrimoxazol": "sulfamethoxazol trimethoprim",
    "trimoxazol": "sulfamethoxazol trimethoprim",
    "axit": "acid",
    "sodium": "natri",
    "potasium": "kali",
    "calcium": "calci",
    "magnesium": "magnesi",
    "iron": "ferum",
    "ferou": "ferum",
    "feric": "ferum",
    "zinc": "zincum",
}
# Without their marks these are other words: sát (khuẩn), kem.
_MARKED = ((re.compile(r"\bsắt\b"), "ferrum"), (re.compile(r"\bkẽm\b"), "zincum"))
_UNMARKED = re.compile(r"\bsat\b")
# A salt or ester after the name of a substance says nothing about what it does.
_SALTS = frozenset(
    _plain(word)
    for word in (
        "natri", "dinatri", "kali", "calci", "magnesi", "arginin", "succinat", "fumarat", "hydroclorid", "hcl",
        "clorid", "hydrobromid", "bromid", "sulfat", "phosphat", "maleat", "tartrat", "besilat", "mesilat", "citrat",
        "acetat", "dipropionat", "propionat", "furoat", "valerat", "trihydrat", "dihydrat", "monohydrat", "hydrat",
        "carbonat", "gluconat", "lactat", "axetil", "proxetil", "hyclat", "stearat", "medoxomil", "disodium",
        "dihydroclorid", "hemihydrat", "nitrat",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AllergyGroup:
    """Substances that are named together: what people call them, how their names and their ATC codes are made.

    `related` begins the ATC codes of what may cause a reaction too, less often.
    """

    name: str
    words: tuple[str, ...]
    stems: tuple[str, ...]
    atc: tuple[str, ...]
    related: tuple[str, ...]

    def is_made_of(self, word: str) -> bool:
        """Tell whether a substance's name, as `substance_key` writes it, is made as those of the group are."""
        return any(re.fullmatch(stem.replace("-", ".*"), word) for stem in self.stems)

    def holds(self, ingredients: Sequence[str], atc_code: str | None) -> bool:
        """Tell whether a medicine is of the group, by its ATC code or by the names of its ingredients."""
        if atc_code and atc_code.startswith(self.atc):
            return True
        return any(self.is_made_of(word) for ingredient in ingredients for word in substance_key(ingredient).split())

    def is_related_to(self, ingredients: Sequence[str], atc_code: str | None) -> bool:
        """Tell whether who reacts to the group may react to a medicine too, by that one's own group or ATC code."""
        if atc_code and self.related and atc_code.startswith(self.related):
            return True
        kin = [group for group in allergy_groups() if set(group.atc) & set(self.related)]
        return any(group is not self and group.holds(ingredients, None) for group in kin)


@lru_cache(_KEPT_KEYS)
def words_of(text: str) -> tuple[str, ...]:
    """Return a text's words with evened spelling and usual names, also those in parentheses."""
    text = normalise_name(text).lower()
    for marked, name in _MARKED:
        text = marked.sub(name, text)
    if text.isascii():
        text = _UNMARKED.sub("ferrum", text)
    plain = (_plain(word) for word in _NOT_LETTERS.sub(" ", search_key(text)).split())
    return tuple(part for word in plain for part in _SYNONYMS.get(word, word).split())


@lru_cache(_KEPT_KEYS)
def substance_key(text: str) -> str:
    """Return the form in which spellings of a substance agree: unaccented, no salts, nothing in parentheses."""
    return " ".join(_in_order(_without_salts(words_of(_ASIDE.sub(" ", text)))))


def ingredients_of(name: str, ingredients: Sequence[str]) -> tuple[str, ...]:
    """Return a medicine's ingredients: as they are recorded, or as its name joins them by +."""
    return tuple(ingredients) or tuple(part for part in _JOINED.split(name) if part)


def matches(substance: str, ingredient: str) -> bool:
    """Tell whether what somebody is allergic to names an ingredient, or a part of it."""
    said = set(words_of(substance))
    return any(_meet(said, names) for names in _names_of(ingredient))


def groups_named(substance: str) -> list[AllergyGroup]:
    """Return the groups that a text names, such as penicillins or sulfa, and those of the substances that it names."""
    words = words_of(substance)
    text = f" {' '.join(words)} "
    found = [group for group in allergy_groups() if any(f" {word} " in text for word in group.words)]
    for word in words:
        found += [group for group in allergy_groups() if group.is_made_of(word)][:1]
    return list(dict.fromkeys(found))


@cache
def allergy_groups() -> tuple[AllergyGroup, ...]:
    """Return the groups in the order of the file: the narrower before the wider."""
    table = resources.files("app.domain.prescriptions").joinpath("data", "allergy_groups.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    lists = ("words", "stems", "atc", "related")
    return tuple(
        AllergyGroup(row["name"], *(tuple(part for part in row[name].split("|") if part) for name in lists))
        for row in rows
    )


def _without_salts(words: tuple[str, ...]) -> tuple[str, ...]:
    while len(words) > 1 and words[-1] in _SALTS:
        words = words[:-1]
    return words


def _in_order(words: tuple[str, ...]) -> list[str]:
    """Write ascorbic acid as acid ascorbic is written."""
    return sorted(words, key=lambda word: word != "acid")


@lru_cache(_KEPT_KEYS)
def _names_of(ingredient: str) -> tuple[frozenset[str], ...]:
    """Return the words of an ingredient's name, and of each other name that stands in parentheses."""
    names = (words_of(text) for text in (_ASIDE.sub(" ", ingredient), *_ASIDE.findall(ingredient)))
    return tuple(frozenset(words if set(words) <= _SALTS else _without_salts(words)) for words in names if words)


def _meet(said: set[str], name: frozenset[str]) -> bool:
    if name <= said and len(name) > 1:
        return True
    return bool((said <= name) or (name <= said)) and any(_tells(word) for word in said & name)


def _tells(word: str) -> bool:
    """Tell whether a word can stand for a substance: natri cannot, b12 can."""
    return word not in _SALTS and (len(word) >= _SHORTEST_WORD or not (word.isalpha() or word.isdigit()))
