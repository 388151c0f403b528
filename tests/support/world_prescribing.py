"""What belongs to prescribing in the small world: a favourite, an order set, an interaction, an answered warning."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from app.core.db import db
from app.domain.prescriptions.models import (
    IngredientInteraction,
    MealTiming,
    OrderSet,
    OrderSetItem,
    PrescriptionFavourite,
    PrescriptionOverride,
    Severity,
    WarningKind,
)

FAVOURITE, ORDER_SET, ORDER_SET_ITEM, INTERACTION = range(791, 795)
OVERRIDE = 95

MakeId = Callable[[int], UUID]


def build_prescribing(make_id: MakeId, doctor_id: UUID, medicine_id: UUID, canary: str) -> None:
    """Give a hospital what a doctor and an administrator keep at hand."""
    dose = {
        "medicine_id": medicine_id, "dose_amount": Decimal(1), "times_per_day": 2, "days": 5,
        "meal_timing": MealTiming.AFTER, "instructions": canary,
    }  # fmt: skip
    order_set = OrderSet(id=make_id(ORDER_SET), name=f"{canary} {make_id(ORDER_SET)}"[:100], note=canary)
    db.session.add_all([order_set, PrescriptionFavourite(id=make_id(FAVOURITE), doctor_id=doctor_id, **dose)])
    db.session.flush()
    names = (f"{canary} {make_id(INTERACTION)} mot", f"{canary} {make_id(INTERACTION)} hai")
    key_a, key_b = sorted(names)
    interaction = IngredientInteraction(
        id=make_id(INTERACTION), ingredient_a=key_a, ingredient_b=key_b, key_a=key_a, key_b=key_b,
        severity=Severity.MAJOR, effect=canary, source=canary,
    )  # fmt: skip
    db.session.add_all([OrderSetItem(id=make_id(ORDER_SET_ITEM), order_set_id=order_set.id, **dose), interaction])
    db.session.flush()


def build_override(make_id: MakeId, prescription_id: UUID, word: str) -> None:
    """Give a draft's prescription a warning that was answered."""
    db.session.add(
        PrescriptionOverride(
            id=make_id(OVERRIDE), prescription_id=prescription_id, kind=WarningKind.ALLERGY, warning_key=word,
            summary=word, reason=word,
        )
    )  # fmt: skip
    db.session.flush()
