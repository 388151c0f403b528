"""What people do with alerts and with the rules that raise them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.core.risks import Risk
from app.tenancy.alerts.watched import Watched
from app.tenancy.models import AlertState, Grouping
from app.tenancy.security_kinds import KINDS

LONGEST_NAME, LONGEST_RESOLUTION = 120, 1_000


class AlertTaken(Conflict):
    title = _l("Somebody else has this alert")
    default_message = _l("Another person has taken or resolved this alert in the meantime.")


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What a person says of a rule."""

    name: str
    kinds: tuple[str, ...]
    least_risk: Risk
    events: int
    minutes: int
    counted_by: Grouping
    severity: Risk
    escalate_minutes: int | None
    quiet_minutes: int | None
    is_active: bool


def take_alert(watched: Watched, actor: Actor, alert_id: UUID) -> Any:
    """Say that one looks after an alert; raises AlertTaken where somebody else does."""
    alert = _get_alert(watched, alert_id)
    if alert.state is AlertState.RESOLVED or (alert.owner_id is not None and alert.owner_id != actor.id):
        raise AlertTaken
    if alert.state is AlertState.OPEN:
        alert.state, alert.owner_id, alert.owner_name, alert.taken_at = (
            AlertState.TAKEN,
            actor.id,
            actor.name,
            clock.now(),
        )
        watched.record(actor, "alert.take", subject_type="alert", subject_id=alert.id)
    return alert


def resolve_alert(watched: Watched, actor: Actor, alert_id: UUID, resolution: str) -> Any:
    """End an alert with what was found; raises InvalidValue without words, AlertTaken where it has ended."""
    if not resolution.strip():
        raise InvalidValue(_l("Say what you found and what was done."), field="resolution")
    if len(resolution) > LONGEST_RESOLUTION:
        raise InvalidValue(_l("Use at most %(count)s characters.", count=LONGEST_RESOLUTION), field="resolution")
    alert = _get_alert(watched, alert_id)
    if alert.state is AlertState.RESOLVED:
        raise AlertTaken
    alert.state, alert.resolved_at, alert.resolution = AlertState.RESOLVED, clock.now(), resolution.strip()
    if alert.owner_id is None:
        alert.owner_id, alert.owner_name, alert.taken_at = actor.id, actor.name, alert.resolved_at
    watched.record(actor, "alert.resolve", subject_type="alert", subject_id=alert.id)
    return alert


def save_rule(watched: Watched, actor: Actor, facts: RuleFacts, *, rule_id: UUID | None, version: int | None) -> Any:
    """Write a rule, new or changed; raises InvalidValue, NotFound, or StaleVersion where somebody else changed it."""
    _check(facts)
    values = {**asdict(facts), "kinds": sorted(facts.kinds)}
    if rule_id is None:
        rule = watched.rules(**values, created_by=actor.id)
        db.session.add(rule)
        db.session.flush()
        watched.record(actor, "alert_rule.create", subject_type="alert_rule", subject_id=rule.id, changes=_new(values))
        return rule
    rule = get_rule(watched, rule_id)
    if rule.version != version:
        raise StaleVersion
    changes = {name: [_plain(getattr(rule, name)), _plain(value)] for name, value in values.items()}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if changes:
        for name in changes:
            setattr(rule, name, values[name])
        rule.updated_by = actor.id
        db.session.flush()
        watched.record(actor, "alert_rule.change", subject_type="alert_rule", subject_id=rule.id, changes=changes)
    return rule


def get_rule(watched: Watched, rule_id: UUID) -> Any:
    """Return a rule; raises NotFound."""
    rule = db.session.get(watched.rules, rule_id)
    if rule is None:
        raise NotFound
    return rule


def _get_alert(watched: Watched, alert_id: UUID) -> Any:
    alert = db.session.get(watched.alerts, alert_id, with_for_update=True)
    if alert is None:
        raise NotFound
    return alert


def _check(facts: RuleFacts) -> None:
    if not 1 <= len(facts.name.strip()) <= LONGEST_NAME:
        raise InvalidValue(_l("Use 1 to %(count)s characters.", count=LONGEST_NAME), field="name")
    if not set(facts.kinds) <= set(KINDS):
        raise InvalidValue(_l("Choose kinds from the list."), field="kinds")
    for name, least, most in (("events", 1, 100_000), ("minutes", 1, 10_080)):
        if not least <= getattr(facts, name) <= most:
            raise InvalidValue(_l("Enter a number from %(least)s to %(most)s.", least=least, most=most), field=name)
    for name in ("escalate_minutes", "quiet_minutes"):
        minutes = getattr(facts, name)
        if minutes is not None and not 1 <= minutes <= 525_600:
            raise InvalidValue(_l("Enter a number from %(least)s to %(most)s.", least=1, most=525_600), field=name)


def _new(values: dict[str, Any]) -> dict[str, Any]:
    return {name: [None, _plain(value)] for name, value in values.items()}


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Risk | Grouping) else value
