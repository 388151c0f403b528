"""The register of breaches: written down, changed, notified and closed, with a history that only grows.

Law 91/2025/QH15, article 23: the authority is notified within 72 hours of the discovery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.privacy.deadlines import BREACH_HOURS
from app.domain.privacy.models import Breach, BreachAffected, BreachEntry, BreachEntryKind, BreachState
from app.domain.security.events import record_security_event

LONGEST_TEXT = 8000
LONGEST_TITLE = 200
CATEGORIES = ("identity", "contact", "health", "account", "insurance", "other")


class BreachClosed(Conflict):
    default_message = _l("This breach is closed. Nothing of it is changed any more; a note can be added.")


@dataclass(frozen=True, slots=True)
class BreachFacts:
    """What is known of a breach."""

    title: str
    what: str
    categories: tuple[str, ...]
    consequences: str
    measures: str
    discovered_at: datetime
    occurred_at: datetime | None = None


def register_breach(actor: Actor, facts: BreachFacts) -> Breach:
    """Write down a breach; its clock runs from the discovery. Raises InvalidValue."""
    _check(facts)
    notify_by = facts.discovered_at + timedelta(hours=BREACH_HOURS)
    row = Breach(**_values(facts), notify_by=notify_by, created_by=actor.id, updated_by=actor.id)
    db.session.add(row)
    db.session.flush()
    db.session.refresh(row, ["code", "version"])
    _note(actor, row, BreachEntryKind.REGISTERED)
    _record(actor, "register", row, {})
    record_security_event(
        actor, "breach.register", subject_type="breach", subject_id=row.id, details={"code": row.code}
    )
    return row


def change_breach(actor: Actor, breach_id: UUID, version: int, facts: BreachFacts) -> None:
    """Correct what is known; raises NotFound, StaleVersion, BreachClosed or InvalidValue."""
    _check(facts)
    row = hold_breach(breach_id, version)
    values = _values(facts)
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    row.notify_by, row.updated_by = facts.discovered_at + timedelta(hours=BREACH_HOURS), actor.id
    db.session.flush()
    if changed:
        _note(actor, row, BreachEntryKind.CHANGED, ", ".join(changed))
        _record(actor, "change", row, {"fields": changed})


def add_note(actor: Actor, breach_id: UUID, text: str) -> None:
    """Add a line to a breach's history, also to a closed one; raises NotFound, InvalidValue."""
    row = db.session.get(Breach, breach_id)
    if row is None:
        raise NotFound
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT:
        raise InvalidValue(_l("Write the note; it must not be too long."), field="note")
    _note(actor, row, BreachEntryKind.NOTE, text)
    _record(actor, "note", row, {})


def mark_notified(actor: Actor, breach_id: UUID, version: int) -> None:
    """Write down that the authority has been notified just now; raises NotFound, StaleVersion or BreachClosed."""
    row = hold_breach(breach_id, version)
    if row.notified_at is not None:
        return
    row.notified_at, row.state, row.updated_by = clock.now(), BreachState.NOTIFIED, actor.id
    db.session.flush()
    _note(actor, row, BreachEntryKind.NOTIFIED)
    _record(actor, "notify", row, {"late": row.notified_at > row.notify_by})


def close_breach(actor: Actor, breach_id: UUID, version: int) -> None:
    """Close a breach; raises NotFound, StaleVersion or BreachClosed."""
    row = hold_breach(breach_id, version)
    row.closed_at, row.state, row.updated_by = clock.now(), BreachState.CLOSED, actor.id
    db.session.flush()
    _note(actor, row, BreachEntryKind.CLOSED)
    _record(actor, "close", row, {})


def list_breaches(limit: int = 100) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return the register, open ones first by their clock, with how many patients each affects."""
    affected = (
        sa.select(sa.func.count())
        .select_from(BreachAffected)
        .where(BreachAffected.breach_id == Breach.id)
        .scalar_subquery()
    )
    query = (
        sa.select(Breach, affected.label("affected"))
        .order_by((Breach.state == BreachState.OPEN).desc(), Breach.notify_by.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def get_breach(breach_id: UUID) -> tuple[Breach, Sequence[BreachEntry]]:
    """Return a breach with its history, the newest first; raises NotFound."""
    row = db.session.get(Breach, breach_id)
    if row is None:
        raise NotFound
    entries = sa.select(BreachEntry).where(BreachEntry.breach_id == breach_id)
    return row, db.session.scalars(entries.order_by(BreachEntry.at.desc(), BreachEntry.id.desc()).limit(200)).all()


def hold_breach(breach_id: UUID, version: int | None) -> Breach:
    """Lock a breach that is open; raises NotFound, StaleVersion or BreachClosed."""
    query = sa.select(Breach).where(Breach.id == breach_id).with_for_update()
    row = db.session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    if row.state is BreachState.CLOSED:
        raise BreachClosed
    if version is not None and row.version != version:
        raise StaleVersion
    return row


def note_affected(actor: Actor, row: Breach, kind: BreachEntryKind, count: int) -> None:
    """Write into the history how many were added, or written to."""
    _note(actor, row, kind, f"+{count}")
    _record(actor, kind.value, row, {"count": count})


def _check(facts: BreachFacts) -> None:
    if not facts.title.strip() or len(facts.title) > LONGEST_TITLE:
        raise InvalidValue(_l("Give the breach a short title."), field="title")
    if not facts.what.strip() or len(facts.what) > LONGEST_TEXT:
        raise InvalidValue(_l("Say what has happened."), field="what")
    if not facts.categories or set(facts.categories) - set(CATEGORIES):
        raise InvalidValue(_l("Choose which kinds of data are affected."), field="categories")
    if facts.discovered_at > clock.now():
        raise InvalidValue(_l("This time is still to come."), field="discovered_at")
    if facts.occurred_at is not None and facts.occurred_at > facts.discovered_at:
        raise InvalidValue(_l("It cannot have happened after it was discovered."), field="occurred_at")


def _values(facts: BreachFacts) -> dict[str, Any]:
    return {
        "title": facts.title.strip(),
        "what": facts.what.strip(),
        "categories": list(facts.categories),
        "consequences": facts.consequences.strip()[:LONGEST_TEXT],
        "measures": facts.measures.strip()[:LONGEST_TEXT],
        "discovered_at": facts.discovered_at,
        "occurred_at": facts.occurred_at,
    }


def _note(actor: Actor, row: Breach, kind: BreachEntryKind, note: str = "") -> None:
    db.session.add(BreachEntry(breach_id=row.id, kind=kind, note=note, actor_id=actor.id, actor_name=actor.name))
    db.session.flush()


def _record(actor: Actor, act: str, row: Breach, changes: dict[str, Any]) -> None:
    record_change(actor, f"breach.{act}", subject_type="breach", subject_id=row.id, changes=changes)
