"""What a prescription is warned of: allergies, the same ingredient twice, ingredients that should not meet.

Pure rules: who calls them reads the facts. What is not in the formulary's ingredients, in the patient's allergies or in
the hospital's table of interactions is not warned of; nothing here says that a prescription is safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.prescriptions.models import Severity, WarningKind
from app.domain.prescriptions.substances import groups_named, ingredients_of, matches, substance_key

GRAVE = frozenset({Severity.CONTRAINDICATED, Severity.MAJOR})


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
    return sorted({warned.key: warned for warned in found}.values(), key=_gravity)


def ingredient_keys(medicines: Iterable[Prescribed]) -> set[str]:
    """Return the keys of all ingredients, to look interactions up by."""
    return {key for medicine in medicines for key in medicine.keys}


def _pairs(items: Sequence[Prescribed], running: Sequence[Prescribed]) -> Iterable[tuple[Prescribed, Prescribed]]:
    yield from combinations(items, 2)
    yield from ((item, other) for item in items for other in running)


def _allergies_to(item: Prescribed, allergies: Iterable[str]) -> Iterable[Warned]:
    for substance in allergies:
        key = f"allergy:{substance_key(substance)}:{item.medicine_id}"
        if any(matches(substance, ingredient) for ingredient in item.ingredients):
            message = _l("Allergy: the patient reacts to %(substance)s, and %(medicine)s contains it.",
                         substance=substance, medicine=item.name)  # fmt: skip
            yield Warned(WarningKind.ALLERGY, key, message, needs_reason=True)
            continue
        for group in groups_named(substance):
            if item.atc_code and item.atc_code.startswith(group.atc):
                message = _l("Allergy: the patient reacts to %(substance)s; %(medicine)s is of the group %(group)s.",
                             substance=substance, medicine=item.name, group=group.name)  # fmt: skip
                yield Warned(WarningKind.ALLERGY, key, message, needs_reason=True)
                break


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
    order = list(Severity)
    if warned.kind is WarningKind.ALLERGY:
        return 0, warned.key
    return (1 + order.index(warned.severity) if warned.severity else 2), warned.key
