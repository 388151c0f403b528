"""What a hospital decides of emergency access: how long it lasts, how often, and until when it is reviewed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.organisation.models import HospitalInfo, Setting

KEY = "emergency_access"
RANGES = {"minutes": (5, 720), "per_day": (1, 50), "review_days": (1, 30)}


@dataclass(frozen=True, slots=True)
class EmergencySettings:
    """The hospital's rules of emergency access."""

    minutes: int = 60
    per_day: int = 5
    review_days: int = 3

    @property
    def lasts(self) -> timedelta:
        """How long one patient stays open."""
        return timedelta(minutes=self.minutes)

    @property
    def review_within(self) -> timedelta:
        """How long a reviewer may take."""
        return timedelta(days=self.review_days)


def read_emergency_settings() -> tuple[EmergencySettings, int]:
    """Return the hospital's rules and their version; 0 while it has changed nothing."""
    row = db.session.execute(sa.select(Setting.value, Setting.version).where(Setting.key == KEY)).one_or_none()
    return (EmergencySettings(), 0) if row is None else (EmergencySettings(**row.value), row.version)


def change_emergency_settings(actor: Actor, version: int, settings: EmergencySettings) -> None:
    """Change the rules for what is begun from now on; raises InvalidValue or StaleVersion."""
    for name, (least, most) in RANGES.items():
        if not least <= getattr(settings, name) <= most:
            message = _l("Enter a number from %(least)s to %(most)s.", least=least, most=most)
            raise InvalidValue(message, field=name)
    standing = db.session.scalars(sa.select(Setting).where(Setting.key == KEY).with_for_update()).one_or_none()
    if (standing.version if standing else 0) != version:
        raise StaleVersion
    before = EmergencySettings(**standing.value) if standing else EmergencySettings()
    if standing is None:
        standing = Setting(key=KEY, value={}, created_by=actor.id)
        db.session.add(standing)
    standing.value, standing.updated_at, standing.updated_by = asdict(settings), clock.now(), actor.id
    db.session.flush()
    changes = {
        name: [getattr(before, name), getattr(settings, name)]
        for name in RANGES
        if getattr(before, name) != getattr(settings, name)
    }
    hospital_id = db.session.scalars(sa.select(HospitalInfo.hospital_id)).one()
    record_change(actor, "emergency_access.settings", subject_type="setting", subject_id=hospital_id, changes=changes)
