"""What the hospital sets up of itself: buildings, departments, rooms and types of visits.

Nothing of it is deleted, because visits refer to it: it is closed, and can be opened again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.appointments.models import AppointmentType
from app.domain.audit.operations import record_change
from app.domain.organisation.models import Department, Facility, Room
from app.domain.paging import Page, offset_of

MOST, PER_PAGE = 500, 100
LONGEST_CODE, LONGEST_TEXT = 20, 200
SHORTEST_VISIT, LONGEST_VISIT = 5, 240
MOST_A_DAY = 500


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One kind of thing that the hospital sets up: its table, and which of its columns are texts and references."""

    name: str
    model: Any
    references: Mapping[str, Any]
    numbers: Mapping[str, tuple[int, int]]


FACILITIES = Catalogue("facility", Facility, {}, {})
DEPARTMENTS = Catalogue("department", Department, {"facility_id": Facility}, {})
ROOMS = Catalogue("room", Room, {"department_id": Department, "facility_id": Facility}, {})
TYPES = Catalogue(
    "appointment_type",
    AppointmentType,
    {"department_id": Department},
    {"minutes": (SHORTEST_VISIT, LONGEST_VISIT), "daily_capacity": (1, MOST_A_DAY)},
)


def list_entries(catalogue: Catalogue, page: int = 1) -> Page[Any]:
    """Return a page of what the hospital has of a kind, in its order, with the names of what each refers to."""
    model = catalogue.model
    query = sa.select(model)
    for column, other in catalogue.references.items():
        query = query.outerjoin(other, other.id == getattr(model, column)).add_columns(
            other.name.label(column.replace("_id", "_name"))
        )
    total = db.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0
    ordered = query.order_by(model.position, model.name, model.id)
    rows = db.session.execute(ordered.limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    return Page(rows, max(page, 1), PER_PAGE, total)


def list_choices(model: Any, present: UUID | None = None) -> Sequence[Any]:
    """Return id and name of the entries in use, for a form to choose from, and the one that is chosen at present."""
    query = sa.select(model.id, model.name)
    if hasattr(model, "closed_at"):
        query = query.where(sa.or_(model.closed_at.is_(None), model.id == present))
    first = [] if present is None else [(model.id == present).desc()]
    return db.session.execute(query.order_by(*first, model.position, model.name).limit(MOST)).all()


def get_entry(catalogue: Catalogue, entry_id: UUID) -> Any:
    """Return one entry; raises NotFound."""
    entry = db.session.get(catalogue.model, entry_id)
    if entry is None:
        raise NotFound
    return entry


def add_entry(actor: Actor, catalogue: Catalogue, facts: Mapping[str, Any]) -> Any:
    """Set up something new; raises InvalidValue, also where its code is taken."""
    values = _checked(catalogue, facts)
    entry = catalogue.model(**values, created_by=actor.id, updated_by=actor.id)
    _save(entry, {})
    _record(actor, catalogue, "add", entry, {name: [None, _plain(value)] for name, value in values.items()})
    return entry


def change_entry(actor: Actor, catalogue: Catalogue, entry_id: UUID, version: int, facts: Mapping[str, Any]) -> Any:
    """Change something that is set up; raises NotFound, StaleVersion or InvalidValue."""
    entry = db.session.get(catalogue.model, entry_id, with_for_update=True, populate_existing=True)
    if entry is None:
        raise NotFound
    if entry.version != version:
        raise StaleVersion
    values = _checked(catalogue, facts)
    if values.get("closed_at") and entry.closed_at:
        values["closed_at"] = entry.closed_at
    changes = {
        name: [_plain(getattr(entry, name)), _plain(value)]
        for name, value in values.items()
        if getattr(entry, name) != value
    }
    if not changes:
        return entry
    _save(entry, values | {"updated_by": actor.id})
    _record(actor, catalogue, "change", entry, changes)
    return entry


def _checked(catalogue: Catalogue, facts: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in facts.items():
        values[name] = " ".join(value.split()) or None if isinstance(value, str) else value
    values["code"] = (values.get("code") or "").upper().replace(" ", "-")
    if not 1 <= len(values["code"]) <= LONGEST_CODE:
        raise InvalidValue(_l("Enter a short code of at most %(most)s characters.", most=LONGEST_CODE), field="code")
    if not values.get("name"):
        raise InvalidValue(_l("Enter a name."), field="name")
    for name, value in values.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise InvalidValue(_l("Use at most %(count)s characters.", count=LONGEST_TEXT), field=name)
    for name, (least, most) in catalogue.numbers.items():
        if values.get(name) is not None and not least <= values[name] <= most:
            raise InvalidValue(_l("Enter a number from %(least)s to %(most)s.", least=least, most=most), field=name)
    for name, other in catalogue.references.items():
        if values.get(name) is not None and db.session.get(other, values[name]) is None:
            raise InvalidValue(_l("Choose from what the page offers."), field=name)
    if "closed" in values:
        values["closed_at"] = clock.now() if values.pop("closed") else None
    return values


def _save(entry: Any, values: Mapping[str, Any]) -> None:
    """Write values within a savepoint, which begins before them: it flushes what stands already."""
    try:
        with db.session.begin_nested():
            for name, value in values.items():
                setattr(entry, name, value)
            db.session.add(entry)
            db.session.flush()
    except IntegrityError as error:
        if "_code" in (getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""):
            raise InvalidValue(_l("This code is taken. Each code is used once."), field="code") from error
        raise


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | bool) else str(value)


def _record(actor: Actor, catalogue: Catalogue, act: str, entry: Any, changes: dict[str, Any]) -> None:
    record_change(actor, f"{catalogue.name}.{act}", subject_type=catalogue.name, subject_id=entry.id, changes=changes)
