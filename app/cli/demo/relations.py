"""The demo's guardians: children who are patients have a mother among the patients, or a father known by name only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from app.cli.demo.people import Person
from app.core.db import db
from app.core.ids import new_id
from app.domain.patients.models import PatientRelation, RelationKind, Sex
from app.domain.patients.relations import GUARDIAN_UNDER

YOUNGEST_MOTHER, OLDEST_MOTHER = 20, 42


def write_relations(people: Sequence[Person]) -> None:
    """Give each child a guardian: a mother of a fitting age where there is one, nearest in the list."""
    rows = [_guardian(child, place, people) for place, child in enumerate(people) if child.age < GUARDIAN_UNDER]
    if rows:
        db.session.execute(sa.insert(PatientRelation), rows)


def _guardian(child: Person, place: int, people: Sequence[Person]) -> dict[str, Any]:
    women = [one for one in (*people[place:], *people[:place]) if one.sex is Sex.FEMALE]
    mother = next((one for one in women if YOUNGEST_MOTHER <= one.age - child.age <= OLDEST_MOTHER), None)
    known = {"kind": RelationKind.MOTHER, "related_id": mother.id, "full_name": None, "phone": None} if mother else {
        "kind": RelationKind.FATHER, "related_id": None, "full_name": f"{child.full_name.split()[0]} Văn Minh",
        "phone": child.phone,
    }  # fmt: skip
    return {
        "id": new_id(), "patient_id": child.id, "is_guardian": True, "created_at": child.registered_at,
        "updated_at": child.registered_at, **known,
    }  # fmt: skip
