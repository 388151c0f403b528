"""The hospital's table of interactions: what it says of two ingredients, how grave, and by which source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.formats.names import normalise_name, search_key
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.paging import Page, offset_of
from app.domain.prescriptions.models import IngredientInteraction, Severity
from app.domain.prescriptions.substances import substance_key

PER_PAGE = 50
LONGEST = {"ingredient_a": 200, "ingredient_b": 200, "effect": 1000, "advice": 1000, "source": 300}

# As files say it, in both languages.
SEVERITY_WORDS = {
    "contraindicated": Severity.CONTRAINDICATED,
    "chong chi dinh": Severity.CONTRAINDICATED,
    "major": Severity.MAJOR,
    "nghiem trong": Severity.MAJOR,
    "moderate": Severity.MODERATE,
    "trung binh": Severity.MODERATE,
    "minor": Severity.MINOR,
    "nhe": Severity.MINOR,
}


@dataclass(frozen=True, slots=True)
class InteractionDetails:
    """An interaction as it stands in a file."""

    ingredient_a: str
    ingredient_b: str
    severity: str
    effect: str
    advice: str = ""
    source: str = ""


def check_interaction(details: InteractionDetails) -> dict[str, Any]:
    """Return the columns of an interaction; raises InvalidValue with the field that is wrong."""
    values: dict[str, Any] = {name: normalise_name(getattr(details, name)) for name in LONGEST}
    for name, longest in LONGEST.items():
        if not values[name] and name != "advice":
            raise InvalidValue(_l("This must not be empty: %(column)s.", column=name), field=name)
        if len(values[name]) > longest:
            raise InvalidValue(_l("This text is too long."), field=name)
    severity = SEVERITY_WORDS.get(search_key(details.severity))
    if severity is None:
        raise InvalidValue(_l("Write the severity as contraindicated, major, moderate or minor."), field="severity")
    first, second = substance_key(values["ingredient_a"]), substance_key(values["ingredient_b"])
    if first == second:
        raise InvalidValue(_l("These are one and the same ingredient."), field="ingredient_b")
    if second < first:
        first, second = second, first
        values["ingredient_a"], values["ingredient_b"] = values["ingredient_b"], values["ingredient_a"]
    return {**values, "advice": values["advice"] or None, "severity": severity, "key_a": first, "key_b": second}


def list_interactions(text: str, page: int) -> Page[Any]:
    """Return interactions by an ingredient, or all."""
    one = IngredientInteraction
    query = sa.select(
        one.id, one.ingredient_a, one.ingredient_b, one.severity, one.effect, one.advice, one.source,
        sa.func.count().over().label("total"),
    )  # fmt: skip
    if key := substance_key(text[:100]):
        query = query.where(sa.or_(one.key_a.contains(key, autoescape=True), one.key_b.contains(key, autoescape=True)))
    rows = db.session.execute(
        query.order_by(one.key_a, one.key_b).limit(PER_PAGE).offset(offset_of(page, PER_PAGE))
    ).all()
    return Page(rows, page, PER_PAGE, rows[0].total if rows else 0)


def delete_interaction(actor: Actor, interaction_id: UUID) -> None:
    """Take an interaction out of the table; raises NotFound."""
    gone = db.session.execute(
        sa.delete(IngredientInteraction)
        .where(IngredientInteraction.id == interaction_id)
        .returning(IngredientInteraction.key_a, IngredientInteraction.key_b)
    ).one_or_none()
    if gone is None:
        raise NotFound
    record_change(
        actor,
        "interaction.remove",
        subject_type="interaction",
        subject_id=interaction_id,
        changes={"ingredients": [gone.key_a, gone.key_b]},
    )
