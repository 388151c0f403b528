"""What a hospital decides of its reminders: the rules, the quiet hours, and how offers of the waiting list are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import time
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.messages.quiet import QuietHours
from app.domain.messages.reminding import ReminderRule
from app.domain.messages.rules import Rule
from app.domain.organisation.models import HospitalInfo, Setting
from app.tenancy.binding import bound_hospital

KEY = "reminders"
MOST_RULES = 6
SHORTEST, LONGEST = 15, 43_200
RANGES = {"offer_minutes": (10, 1440), "offer_ahead_minutes": (30, 10_080)}
LONGEST_QUIET_MINUTES = 18 * 60


class TooManyRules(Conflict):
    title = _l("There are enough reminders")
    default_message = _l("A patient gets at most six reminders of one visit. Remove another one first.")


@dataclass(frozen=True, slots=True)
class ReminderSettings:
    """The hospital's quiet hours, as `HH:MM` or both empty; how long an offer stands, and how late it is still made."""

    quiet_from: str = "21:00"
    quiet_until: str = "07:00"
    offer_minutes: int = 60
    offer_ahead_minutes: int = 120

    @property
    def quiet(self) -> QuietHours | None:
        """The quiet hours, or None where there are none."""
        if not self.quiet_from or not self.quiet_until:
            return None
        return QuietHours(time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until))


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as it is shown."""

    id: UUID
    rule: Rule


def hospital_zone() -> ZoneInfo:
    """Return the zone of the bound hospital, on whose clocks its rules are meant."""
    return ZoneInfo(bound_hospital().timezone)


def read_settings() -> tuple[ReminderSettings, int]:
    """Return what the hospital decided and its version; 0 while it has changed nothing."""
    row = db.session.execute(sa.select(Setting.value, Setting.version).where(Setting.key == KEY)).one_or_none()
    return (ReminderSettings(), 0) if row is None else (ReminderSettings(**row.value), row.version)


def list_rules() -> Sequence[RuleRow]:
    """Return the rules, the earliest reminder first."""
    query = sa.select(ReminderRule.id, ReminderRule.minutes_before).order_by(ReminderRule.minutes_before.desc())
    return [RuleRow(row.id, Rule(row.minutes_before)) for row in db.session.execute(query.limit(MOST_RULES))]


def change_settings(actor: Actor, version: int, settings: ReminderSettings) -> None:
    """Change quiet hours and offers; reminders that are planned are moved. Raises InvalidValue or StaleVersion."""
    _check(settings)
    standing = db.session.scalars(sa.select(Setting).where(Setting.key == KEY).with_for_update()).one_or_none()
    if (standing.version if standing else 0) != version:
        raise StaleVersion
    before = ReminderSettings(**standing.value) if standing else ReminderSettings()
    if standing is None:
        standing = Setting(key=KEY, value={}, created_by=actor.id)
        db.session.add(standing)
    standing.value, standing.updated_at, standing.updated_by = asdict(settings), clock.now(), actor.id
    db.session.flush()
    old, new = asdict(before), asdict(settings)
    _record(actor, "reminders.settings", {name: [old[name], new[name]] for name in new if old[name] != new[name]})


def add_rule(actor: Actor, minutes: int) -> None:
    """Add a reminder so long before each visit; raises InvalidValue, or TooManyRules."""
    if not SHORTEST <= minutes <= LONGEST:
        raise InvalidValue(_l("A reminder is sent from 15 minutes to 30 days before the visit."), field="count")
    count = db.session.scalar(sa.select(sa.func.count()).select_from(ReminderRule))
    if (count or 0) >= MOST_RULES:
        raise TooManyRules
    try:
        with db.session.begin_nested():
            db.session.add(ReminderRule(minutes_before=minutes, created_by=actor.id, updated_by=actor.id))
    except IntegrityError as error:
        raise InvalidValue(_l("There is a reminder at this time already."), field="count") from error
    _record(actor, "reminders.rule_add", {"rule": [None, Rule(minutes).code]})


def remove_rule(actor: Actor, rule_id: UUID) -> None:
    """Take a reminder out; raises NotFound where it is out already."""
    query = sa.delete(ReminderRule).where(ReminderRule.id == rule_id).returning(ReminderRule.minutes_before)
    minutes = db.session.scalar(query)
    if minutes is None:
        raise NotFound
    _record(actor, "reminders.rule_remove", {"rule": [Rule(minutes).code, None]})


def _check(settings: ReminderSettings) -> None:
    if bool(settings.quiet_from) != bool(settings.quiet_until):
        missing = "quiet_until" if settings.quiet_from else "quiet_from"
        raise InvalidValue(_l("Enter both times, or neither."), field=missing)
    quiet = settings.quiet
    if quiet is not None:
        minutes = (quiet.end.hour - quiet.begin.hour) * 60 + quiet.end.minute - quiet.begin.minute
        if minutes % 1440 == 0 or minutes % 1440 > LONGEST_QUIET_MINUTES:
            raise InvalidValue(_l("Leave at least six hours of the day for messages."), field="quiet_until")
    for name, (least, most) in RANGES.items():
        if not least <= getattr(settings, name) <= most:
            message = _l("Enter a number from %(least)s to %(most)s.", least=least, most=most)
            raise InvalidValue(message, field=name)


def _record(actor: Actor, action: str, changes: dict[str, object]) -> None:
    hospital_id = db.session.scalars(sa.select(HospitalInfo.hospital_id)).one()
    record_change(actor, action, subject_type="setting", subject_id=hospital_id, changes=changes)
