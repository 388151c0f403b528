"""What a prescription is warned of: allergies, the same ingredient twice, ingredients that should not meet.

Pure rules: who calls them reads the facts. What is not in the formulary's ingredients, in the patient's allergies or in
the hospital's table of interactions is not warned of; an allergy that names nothing known is said to be so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.prescriptions.models import Severity, WarningKind
from app.domain.prescriptions.substances import groups_named, ingredients_of, matches, substance_key, words_of

GRAVE = frozenset({Severity.CONTRAINDICATED, Severity.MAJOR})
# Several allergies on one line; within parentheses and after the colon stands more about one.
_BETWEEN = re.compile(r"[,;+\n]|\bvà\b|\bhoặc\b|\band\b|\bor\b", re.IGNORECASE)
_A_WORD = re.compile(r"[^\W\d_]{3}")


@dataclass(frozen=True, slots=True)
class Prescribed:
    """A medicine as the checks see it; `running` is the code of an earlier prescription that it stands on."""

    medicine_id: UUID
    name: str
    ingredients: tuple[str, ...]
    atc_code: str | None = None
    running: str | None = None

    @classmethod
    def of(cls, row: object, running: str | None = None) -> Prescribed:
        """Read a row with medicine_id, medicine_name, ingredients and atc_code."""
        name: str = row.medicine_name  # type: ignore[attr-defined]
        ingredients = ingredients_of(name, row.ingredients or ())  # type: ignore[attr-defined]
        return cls(row.medicine_id, name, ingredients, row.atc_code, running)  # type: ignore[attr-defined]

    @property
    def keys(self) -> dict[str, str]:
        """Return the ingredients by their keys."""
        return {substance_key(ingredient): ingredient for ingredient in self.ingredients}


@dataclass(frozen=True, slots=True)
class Interaction:
    """What is known of two ingredients."""

    severity: Severity
    effect: str
    advice: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning. `key` stays the same while what it is about does; a doctor's reason is kept under it."""

    kind: WarningKind
    key: str
    message: Text
    needs_reason: bool
    severity: Severity | None = None
    advice: str | None = None
    source: str | None = None


def find_warnings(
    items: Sequence[Prescribed],
    running: Sequence[Prescribed],
    allergies: Iterable[str],
    interactions: Mapping[tuple[str, str], Interaction],
) -> list[Warned]:
    """Return what is to be said of a prescription, the gravest first."""
    found = [warned for item in items for warned in _allergies_to(item, allergies)]
    for one, other in _pairs(items, running):
        found += [*_duplicates(one, other), *_interactions(one, other, interactions)]
    return by_gravity(found)


def by_gravity(found: Iterable[Warned]) -> list[Warned]:
    """Return warnings once each, the gravest first."""
    return sorted({warned.key: warned for warned in found}.values(), key=_gravity)


def find_cancelled(items: Sequence[Prescribed], code: str, reason: str) -> list[Warned]:
    """Return what was copied into an amendment from a prescription that was cancelled since."""
    return [
        Warned(
            WarningKind.CANCELLED,
            f"cancelled:{code}:{item.medicine_id}",
            _l("%(medicine)s comes from prescription %(code)s, which was cancelled: %(reason)s",
               medicine=item.name, code=code, reason=reason),
            needs_reason=True,
        )
        for item in items
    ]  # fmt: skip


def list_unnamed(allergies: Iterable[str]) -> list[tuple[str, str]]:
    """Return what names no group of substances: each part as it is written, and the text to compare it by."""
    return [
        (part, text)
        for said in allergies
        for part, text in _parts_of(said)
        if _A_WORD.search(part) and not groups_named(text)
    ]


def find_uncompared(unnamed: Iterable[tuple[str, str]], ingredients: Sequence[str]) -> list[Warned]:
    """Return what of the allergies names nothing that the formulary has: nobody was warned of it, nor could be."""
    return [
        Warned(
            WarningKind.UNCOMPARED,
            f"uncompared:{' '.join(words_of(text))}",
            _l("Could not be compared: %(substance)s. It names no ingredient of the formulary and no group of "
               "substances.", substance=part),
            needs_reason=True,
        )
        for part, text in unnamed
        if not any(matches(text, ingredient) for ingredient in ingredients)
    ]  # fmt: skip


def ingredient_keys(medicines: Iterable[Prescribed]) -> set[str]:
    """Return the keys of all ingredients, to look interactions up by."""
    return {key for medicine in medicines for key in medicine.keys}


def _parts_of(said: str) -> list[tuple[str, str]]:
    """Divide a line of allergies; where it holds one, what is said of the reaction may name it too."""
    substance = said.partition(":")[0]
    parts = [part.strip(" ().") for part in _BETWEEN.split(substance)]
    return [(said, said)] if len(parts) == 1 else [(part, part) for part in parts]


def _pairs(items: Sequence[Prescribed], running: Sequence[Prescribed]) -> Iterable[tuple[Prescribed, Prescribed]]:
    yield from combinations(items, 2)
    yield from ((item, other) for item in items for other in running)


def _allergies_to(item: Prescribed, allergies: Iterable[str]) -> Iterable[Warned]:
    for said in allergies:
        key = f"allergy:{' '.join(words_of(said))}:{item.medicine_id}"
        if any(matches(said, ingredient) for ingredient in item.ingredients):
            message = _l("Allergy: the patient reacts to %(substance)s, and %(medicine)s contains it.",
                         substance=said, medicine=item.name)  # fmt: skip
            yield Warned(WarningKind.ALLERGY, key, message, needs_reason=True)
        else:
            yield from _by_group(item, said, key)


def _by_group(item: Prescribed, said: str, key: str) -> Iterable[Warned]:
    groups = groups_named(said)
    for group in groups:
        if group.holds(item.ingredients, item.atc_code):
            message = _l("Allergy: the patient reacts to %(substance)s; %(medicine)s is of the group %(group)s.",
                         substance=said, medicine=item.name, group=group.name)  # fmt: skip
            yield Warned(WarningKind.ALLERGY, key, message, needs_reason=True)
            return
    for group in groups:
        if group.is_related_to(item.ingredients, item.atc_code):
            message = _l("Allergy: the patient reacts to %(substance)s (%(group)s); who does may react to %(medicine)s "
                         "too.", substance=said, medicine=item.name, group=group.name)  # fmt: skip
            yield Warned(WarningKind.ALLERGY, f"related-{key}", message, needs_reason=False)
            return


def _duplicates(one: Prescribed, other: Prescribed) -> Iterable[Warned]:
    for key in one.keys.keys() & other.keys.keys():
        ids = ":".join(sorted({str(one.medicine_id), str(other.medicine_id)}))
        name = one.keys[key]
        if other.running:
            message = _l("%(ingredient)s twice: in %(first)s, and in %(second)s of prescription %(code)s, still taken.",
                         ingredient=name, first=one.name, second=other.name, code=other.running)  # fmt: skip
        else:
            message = _l("%(ingredient)s twice: in %(first)s and in %(second)s.",
                         ingredient=name, first=one.name, second=other.name)  # fmt: skip
        # Somebody who comes back before the last box is empty is no mistake: that is said, and asks for no reason.
        yield Warned(WarningKind.DUPLICATE, f"duplicate:{key}:{ids}:{other.running or ''}", message, not other.running)


def _interactions(one: Prescribed, other: Prescribed, known: Mapping[tuple[str, str], Interaction]) -> Iterable[Warned]:
    for mine in one.keys:
        for theirs in other.keys:
            pair = (min(mine, theirs), max(mine, theirs))
            if (entry := known.get(pair)) is None:
                continue
            names = {"first": one.keys[mine], "second": other.keys[theirs], "effect": entry.effect}
            if other.running:
                message = _l("%(first)s with %(second)s of prescription %(code)s, still taken: %(effect)s",
                             code=other.running, **names)  # fmt: skip
            else:
                message = _l("%(first)s with %(second)s: %(effect)s", **names)
            yield Warned(
                WarningKind.INTERACTION,
                f"interaction:{pair[0]}:{pair[1]}:{entry.severity.value}:{other.running or ''}",
                message,
                entry.severity in GRAVE,
                entry.severity,
                entry.advice,
                entry.source,
            )


def _gravity(warned: Warned) -> tuple[int, str]:
    if warned.kind in (WarningKind.ALLERGY, WarningKind.CANCELLED) and warned.needs_reason:
        return 0, warned.key
    if warned.kind is WarningKind.UNCOMPARED:
        return 1, warned.key
    return (2 + list(Severity).index(warned.severity) if warned.severity else 3), warned.key
