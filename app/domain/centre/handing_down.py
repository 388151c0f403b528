"""Taking what the platform hands down into the hospital's own database: the later version stands, twice is once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.delivery import SINCE
from app.domain.centre.models import HandedDown
from app.tenancy.binding import bind_hospital, bound_hospital, has_revision, tenancy
from app.tenancy.configuration import FACTS, Item, list_news_for, mark_applied, overtake


def is_handed_something() -> bool:
    """Where the platform has a newer version of something."""
    return has_revision(SINCE) and bool(list_news_for(bound_hospital().id))


def hand_down(code: str) -> int:
    """Take what is newer than what the hospital has; return how many values. The centre is told what it has now."""
    hospital_id = tenancy().registry.get_by_code(code).id
    with unit_of_work():
        items = list_news_for(hospital_id)
    if not items:
        return 0
    with bind_hospital(code):
        if not has_revision(SINCE):
            return 0
        with unit_of_work():
            versions = apply_items(items)
    with unit_of_work():
        for item in items:
            if item.name != FACTS and versions[item.name] > item.version:
                overtake(item.name, versions[item.name])
        mark_applied(hospital_id, versions)
    return len(items)


def apply_items(items: Sequence[Item]) -> dict[str, int]:
    """Write values of which the bound hospital has an older version; return which versions it has now."""
    for item in items:
        made = insert(HandedDown).values(name=item.name, value=item.value, version=item.version, applied_at=clock.now())
        further = {name: made.excluded[name] for name in ("value", "version", "applied_at")}
        older = HandedDown.version < made.excluded.version
        db.session.execute(made.on_conflict_do_update(index_elements=["name"], set_=further, where=older))
    query = sa.select(HandedDown.name, HandedDown.version).where(HandedDown.name.in_([item.name for item in items]))
    return {row.name: row.version for row in db.session.execute(query)}


def read_handed_down(name: str) -> dict[str, Any] | None:
    """Return a value of the platform as the bound hospital has it."""
    if not has_revision(SINCE):
        return None
    return db.session.scalar(sa.select(HandedDown.value).where(HandedDown.name == name))
