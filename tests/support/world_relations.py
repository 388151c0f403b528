"""Who belongs to a patient in the small world: a mother, called by the patient's word."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.core.db import db
from app.domain.patients.models import PatientRelation, RelationKind

RELATION = 96  # added to the patient's own

MakeId = Callable[[int], UUID]


def build_relations_of_patient(make_id: MakeId, patient_id: UUID, word: str) -> None:
    """Give a patient a mother, who is the guardian."""
    mother = PatientRelation(
        id=make_id(RELATION), patient_id=patient_id, kind=RelationKind.MOTHER, full_name=f"Mẹ {word}", is_guardian=True
    )
    db.session.add(mother)
    db.session.flush()
