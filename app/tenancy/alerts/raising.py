"""Raising alerts from events: one open alert for a rule and what its events have in common.

Two that do this at once have one effect: each rule is locked by whoever looks after it, and passed by by the other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.risks import at_least
from app.tenancy.alerts.watched import Watched
from app.tenancy.models import AlertState, Grouping

MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class Group:
    """Events that a rule counts together."""

    key: str
    events: int
    first_at: datetime
    last_at: datetime
    hospital_id: Any = None


def raise_alerts(watched: Watched) -> Counter[str]:
    """Open, update, escalate and end alerts by the active rules; return how many of each."""
    done: Counter[str] = Counter()
    rules = sa.select(watched.rules).where(watched.rules.is_active).order_by(watched.rules.id)
    for rule in db.session.scalars(rules.with_for_update(skip_locked=True)).all():
        done += _look_after(watched, rule)
    return done


def _look_after(watched: Watched, rule: Any) -> Counter[str]:
    alerts, now = watched.alerts, clock.now()
    standing = {
        alert.key: alert
        for alert in db.session.scalars(
            sa.select(alerts).where(alerts.rule_id == rule.id, alerts.state != AlertState.RESOLVED)
        )
    }
    done = Counter(updated=sum(_update(watched, rule, alert) for alert in standing.values()))
    for group in _groups(watched, rule, now):
        if group.key not in standing:
            db.session.add(_open(watched, rule, group, now))
            done["opened"] += 1
    for alert in standing.values():
        if _is_over(rule, alert, now):
            alert.state, alert.resolved_at = AlertState.RESOLVED, now
            done["ended"] += 1
        elif _is_unowned(rule, alert, now):
            alert.escalated_at = now
            done["escalated"] += 1
    db.session.flush()
    return done


def _groups(watched: Watched, rule: Any, now: datetime) -> list[Group]:
    """Return what reaches the rule's number within its time, not counting what an earlier alert was resolved for."""
    events, key = watched.events, _key(watched, rule.counted_by)
    earlier = (
        sa.select(sa.func.max(watched.alerts.resolved_at))
        .where(watched.alerts.rule_id == rule.id, watched.alerts.key == key)
        .correlate(events)
        .scalar_subquery()
    )
    columns: list[Any] = [key.label("key"), sa.func.count(), sa.func.min(events.at), sa.func.max(events.at)]
    if watched.has_hospitals:
        columns.append(sa.func.array_agg(sa.distinct(events.hospital_id)))
    query = (
        sa.select(*columns)
        .where(
            watched.counted_at > now - timedelta(minutes=rule.minutes),
            *_counted(watched, rule),
            watched.counted_at > sa.func.coalesce(earlier, datetime.fromtimestamp(0, now.tzinfo)),
        )
        .group_by(key)
        .having(sa.func.count() >= rule.events)
        .limit(MOST_GROUPS)
    )
    return [
        Group(found[0], found[1], found[2], found[3], _only(found[4]) if len(found) > 4 else None)
        for found in db.session.execute(query)
    ]


def events_of(watched: Watched, rule: Any, alert: Any) -> sa.Select[Any]:
    """Return the query of the events that an alert counts, the newest first."""
    query = sa.select(watched.events).where(
        watched.events.at >= alert.first_event_at,
        watched.events.at <= alert.last_event_at,
        *_counted(watched, rule),
        _key(watched, rule.counted_by) == alert.key,
    )
    return query.order_by(watched.events.at.desc())


def _counted(watched: Watched, rule: Any) -> list[sa.ColumnElement[bool]]:
    """Return which events a rule counts; what has nothing in common with others, such as no subject, it passes by."""
    events = watched.events
    conditions = [events.risk.in_(at_least(rule.least_risk)), _key(watched, rule.counted_by).is_not(None)]
    if rule.kinds:
        conditions.append(events.kind.in_(rule.kinds))
    return conditions


def _key(watched: Watched, grouping: Grouping) -> sa.ColumnElement[str]:
    events = watched.events
    if grouping is Grouping.ACTOR:
        return sa.cast(events.actor_id, sa.Text)
    if grouping is Grouping.SUBJECT:
        return sa.cast(events.subject_id, sa.Text)
    if grouping is Grouping.ADDRESS:
        return sa.func.encode(events.address_index, "hex")
    if grouping is Grouping.HOSPITAL and watched.has_hospitals:
        return sa.func.coalesce(sa.cast(events.hospital_id, sa.Text), "platform")
    return sa.literal_column("CAST('all' AS text)", sa.Text)


def _open(watched: Watched, rule: Any, group: Group, now: datetime) -> Any:
    alert = watched.alerts(
        rule_id=rule.id,
        key=group.key,
        severity=rule.severity,
        state=AlertState.OPEN,
        opened_at=now,
        first_event_at=group.first_at,
        last_event_at=group.last_at,
        events=group.events,
    )
    if watched.has_hospitals:
        alert.hospital_id = group.hospital_id
    return alert


def _update(watched: Watched, rule: Any, alert: Any) -> bool:
    """Count what has happened since; tell whether anything has."""
    query = sa.select(sa.func.count(), sa.func.max(watched.events.at)).where(
        watched.events.at > alert.last_event_at,
        *_counted(watched, rule),
        _key(watched, rule.counted_by) == alert.key,
    )
    count, last_at = db.session.execute(query).one()
    if not count:
        return False
    alert.events, alert.last_event_at = alert.events + count, last_at
    return True


def _is_over(rule: Any, alert: Any, now: datetime) -> bool:
    """An alert that nobody has taken ends by itself where its rule says so."""
    if rule.quiet_minutes is None or alert.state is not AlertState.OPEN:
        return False
    return bool(alert.last_event_at <= now - timedelta(minutes=rule.quiet_minutes))


def _is_unowned(rule: Any, alert: Any, now: datetime) -> bool:
    if rule.escalate_minutes is None or alert.state is not AlertState.OPEN or alert.escalated_at is not None:
        return False
    return bool(alert.opened_at <= now - timedelta(minutes=rule.escalate_minutes))


def _only(hospital_ids: list[Any]) -> Any:
    known = [one for one in hospital_ids if one is not None]
    return known[0] if len(known) == 1 else None
