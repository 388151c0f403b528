"""What the platform hands down to every hospital: values with a version, and who has which.

Each hospital keeps a copy in its own database, so that it stands while the centre is away. A version is drawn from a
sequence; of two the later one stands, whichever arrives first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.tenancy.audit import record_platform_change
from app.tenancy.models import Configuration, ConfigurationApplied, Hospital, HospitalStatus
from app.tenancy.sync import refuse_inside_a_hospital

NOTICE, FACTS = "notice", "facts"
SEQUENCE = "configuration_version_seq"
LONGEST_NOTICE = 500


@dataclass(frozen=True, slots=True)
class Item:
    """A value on its way to a hospital; None takes it away."""

    name: str
    value: dict[str, Any] | None
    version: int


def announce(actor: Actor, text: str) -> None:
    """Have every hospital show its staff a notice; an empty one takes it away. Raises InvalidValue."""
    words = text.strip()
    if len(words) > LONGEST_NOTICE:
        raise InvalidValue(_l("Write at most %(count)s characters.", count=LONGEST_NOTICE), field="text")
    _write(actor, NOTICE, {"text": words, "since": clock.now().isoformat()} if words else None)


def find_notice() -> Configuration | None:
    """Return the notice as it was written last."""
    return db.session.get(Configuration, NOTICE)


def list_news_for(hospital_id: UUID) -> list[Item]:
    """Return what a hospital does not have yet in its newest version."""
    applied = ConfigurationApplied
    mine = sa.and_(applied.hospital_id == hospital_id, applied.name == Configuration.name)
    query = sa.select(Configuration.name, Configuration.value, Configuration.version).outerjoin(applied, mine)
    newer = sa.func.coalesce(applied.version, 0) < Configuration.version
    items = [Item(*row) for row in db.session.execute(query.where(newer))]
    return items + _facts_for(hospital_id)


def mark_applied(hospital_id: UUID, versions: Mapping[str, int]) -> None:
    """Write down what a hospital has."""
    refuse_inside_a_hospital()
    rows = [
        {"hospital_id": hospital_id, "name": name, "version": version, "applied_at": clock.now()}
        for name, version in versions.items()
    ]
    if not rows:
        return
    made = insert(ConfigurationApplied).values(rows)
    told = {"version": made.excluded.version, "applied_at": made.excluded.applied_at}
    db.session.execute(made.on_conflict_do_update(index_elements=["hospital_id", "name"], set_=told))


def overtake(name: str, version: int) -> None:
    """Give a value a later version than one that a hospital has: the centre was restored, and counts from before."""
    refuse_inside_a_hospital()
    last = sa.select(sa.column("last_value")).select_from(sa.table(SEQUENCE)).scalar_subquery()
    ahead = sa.select(sa.func.setval(SEQUENCE, sa.func.greatest(last, version)))
    db.session.execute(ahead, bind_arguments={"mapper": Configuration})
    row = sa.update(Configuration).where(Configuration.name == name, Configuration.version <= version)
    row = row.values(version=sa.func.nextval(SEQUENCE))
    db.session.execute(row.execution_options(synchronize_session=False))


def forget_applied(hospital_id: UUID) -> None:
    """Have everything be handed down again: the hospital's database is of an earlier time."""
    db.session.execute(sa.delete(ConfigurationApplied).where(ConfigurationApplied.hospital_id == hospital_id))


def list_behind(limit: int = 50) -> Sequence[Any]:
    """Return the serving hospitals that do not have the newest version of something."""
    applied = ConfigurationApplied
    mine = sa.and_(applied.hospital_id == Hospital.id, applied.name == Configuration.name)
    query = (
        sa.select(Hospital.code, Hospital.display_name, Configuration.name, applied.applied_at)
        .select_from(Hospital)
        .join(Configuration, sa.true())
        .outerjoin(applied, mine)
        .where(
            Hospital.status == HospitalStatus.ACTIVE,
            sa.func.coalesce(applied.version, 0) < Configuration.version,
        )
        .order_by(Hospital.code, Configuration.name)
        .limit(limit)
    )
    return db.session.execute(query).all()


def _facts_for(hospital_id: UUID) -> list[Item]:
    """Return the hospital's own facts where it has an older version of its row."""
    mine = sa.and_(ConfigurationApplied.hospital_id == Hospital.id, ConfigurationApplied.name == FACTS)
    query = (
        sa.select(Hospital.display_name, Hospital.plan, Hospital.max_users, Hospital.max_storage_gb, Hospital.version)
        .outerjoin(ConfigurationApplied, mine)
        .where(Hospital.id == hospital_id, sa.func.coalesce(ConfigurationApplied.version, 0) < Hospital.version)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        return []
    facts = row._asdict()
    return [Item(FACTS, facts, facts.pop("version"))]


def _write(actor: Actor, name: str, value: dict[str, Any] | None) -> None:
    version = sa.func.nextval(SEQUENCE)
    made = insert(Configuration).values(
        name=name, value=value, version=version, updated_at=clock.now(), updated_by=actor.id
    )
    further = {column: made.excluded[column] for column in ("value", "version", "updated_at", "updated_by")}
    db.session.execute(made.on_conflict_do_update(index_elements=["name"], set_=further))
    db.session.expire_all()
    record_platform_change(
        db.session(),
        actor,
        "configuration.change",
        subject_type="configuration",
        subject_id=None,
        changes={"name": name, "taken_away": value is None},
    )
