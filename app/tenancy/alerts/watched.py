"""Whose events are watched: the tables, and how a change of them is written down."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.tenancy.audit import record_platform_change
from app.tenancy.models import Alert, AlertRule, PlatformUser, SecurityEvent


@dataclass(frozen=True, slots=True)
class Watched:
    """The events, rules and alerts of the operators, or those of a hospital.

    `counted_at` is the column of events by which they are counted: the centre counts from when it heard of one, so that
    a hospital that was away is not overheard.
    """

    events: Any
    rules: Any
    alerts: Any
    counted_at: Any
    record: Callable[..., None]
    names_of: Callable[[Collection[UUID]], dict[UUID, str]]

    @property
    def has_hospitals(self) -> bool:
        """Tell whether the events come from several hospitals."""
        return hasattr(self.events, "hospital_id")


def _record(actor: Any, action: str, **facts: Any) -> None:
    record_platform_change(db.session(), actor, action, **facts)


def _names_of(ids: Collection[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    query = sa.select(PlatformUser.id, PlatformUser.full_name).where(PlatformUser.id.in_(ids))
    return {row.id: row.full_name for row in db.session.execute(query)}


CENTRE = Watched(SecurityEvent, AlertRule, Alert, SecurityEvent.heard_at, _record, _names_of)
