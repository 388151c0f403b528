"""Reading alerts and events for people: what nobody looks after comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.errors import NotFound
from app.core.risks import Risk, at_least
from app.tenancy.alerts.raising import events_of
from app.tenancy.alerts.watched import Watched
from app.tenancy.models import AlertState, Hospital
from app.tenancy.paging import Page

PER_PAGE = 30
MOST_STANDING = 100


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are asked for."""

    kind: str = ""
    least_risk: Risk = Risk.LOW
    hospital_id: UUID | None = None
    actor_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_standing(watched: Watched) -> Sequence[Any]:
    """Return the alerts that are not resolved: unowned ones first, the most severe and oldest of them on top."""
    alerts = watched.alerts
    severity = sa.case({risk.value: risk.level for risk in Risk}, value=alerts.severity)
    query = (
        _with_rule(watched)
        .where(alerts.state != AlertState.RESOLVED)
        .order_by(alerts.state == AlertState.TAKEN, alerts.escalated_at.is_(None), severity.desc(), alerts.opened_at)
        .limit(MOST_STANDING)
    )
    return db.session.execute(query).all()


def count_unowned(watched: Watched) -> int:
    """Return how many alerts nobody looks after."""
    query = sa.select(sa.func.count(watched.alerts.id)).where(watched.alerts.state == AlertState.OPEN)
    return db.session.scalar(query) or 0


def list_resolved(watched: Watched, page: int) -> Page[Any]:
    """Return the alerts that have ended, the newest first."""
    query = _with_rule(watched).where(watched.alerts.state == AlertState.RESOLVED)
    return _page(query, [watched.alerts.opened_at.desc(), watched.alerts.id], page)


def get_alert(watched: Watched, alert_id: UUID) -> Any:
    """Return an alert with its rule's name; raises NotFound."""
    row = db.session.execute(_with_rule(watched).where(watched.alerts.id == alert_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def list_counted(watched: Watched, alert: Any) -> Sequence[Any]:
    """Return the newest events that an alert counts."""
    rule = db.session.get_one(watched.rules, alert.rule_id)
    return db.session.scalars(events_of(watched, rule, alert).limit(PER_PAGE)).all()


def list_rules(watched: Watched) -> Sequence[Any]:
    """Return every rule, the active ones first."""
    query = sa.select(watched.rules).order_by(watched.rules.is_active.desc(), watched.rules.name)
    return db.session.scalars(query.limit(500)).all()


def list_events(watched: Watched, wanted: EventFilter, page: int) -> Page[Any]:
    """Return events, the newest first."""
    events = watched.events
    query = sa.select(*events.__table__.columns)
    if watched.has_hospitals:
        query = query.add_columns(Hospital.code.label("hospital_code"), Hospital.display_name.label("hospital_name"))
        query = query.outerjoin(Hospital, Hospital.id == events.hospital_id)
        if wanted.hospital_id is not None:
            query = query.where(events.hospital_id == wanted.hospital_id)
    if wanted.kind:
        query = query.where(events.kind == wanted.kind)
    if wanted.least_risk is not Risk.LOW:
        query = query.where(events.risk.in_(at_least(wanted.least_risk)))
    if wanted.actor_id is not None:
        query = query.where(events.actor_id == wanted.actor_id)
    if wanted.since is not None:
        query = query.where(events.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(events.at < wanted.until)
    return _page(query, [events.at.desc(), events.id.desc()], page)


def _with_rule(watched: Watched) -> sa.Select[Any]:
    alerts, rules = watched.alerts, watched.rules
    query = sa.select(*alerts.__table__.columns, rules.name.label("rule_name"), rules.counted_by)
    query = query.join(rules, rules.id == alerts.rule_id)
    if watched.has_hospitals:
        query = query.add_columns(Hospital.code.label("hospital_code"), Hospital.display_name.label("hospital_name"))
        query = query.outerjoin(Hospital, Hospital.id == alerts.hospital_id)
    return query


def _page(query: sa.Select[Any], order: list[Any], page: int) -> Page[Any]:
    """Read one page, and count no further than a thousand pages."""
    counted = query.with_only_columns(sa.literal_column("1")).order_by(None).limit(PER_PAGE * 1_000).subquery()
    bind = {"bind_arguments": {"clause": query}}
    total = db.session.scalar(sa.select(sa.func.count()).select_from(counted), **bind) or 0
    rows = db.session.execute(query.order_by(*order).limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page(rows, page, PER_PAGE, total)
