"""What a hospital decides of its laboratory: when patients see their results."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.laboratory.rules import Release
from app.domain.organisation.models import HospitalInfo, Setting

KEY = "laboratory"
SHORTEST, LONGEST = 1, 720


@dataclass(frozen=True, slots=True)
class LabSettings:
    """The hospital's rules: by default a doctor sees a result before the patient does."""

    release: Release = Release.AFTER_REVIEW
    hours: int = 24


def read_lab_settings() -> tuple[LabSettings, int]:
    """Return the hospital's rules and their version; 0 while it has changed nothing."""
    row = db.session.execute(sa.select(Setting.value, Setting.version).where(Setting.key == KEY)).one_or_none()
    if row is None:
        return LabSettings(), 0
    return LabSettings(Release(row.value["release"]), row.value["hours"]), row.version


def change_lab_settings(actor: Actor, version: int, settings: LabSettings) -> None:
    """Change the rules for what is verified from now on; raises InvalidValue or StaleVersion."""
    if not SHORTEST <= settings.hours <= LONGEST:
        raise InvalidValue(
            _l("Enter a number from %(least)s to %(most)s.", least=SHORTEST, most=LONGEST), field="hours"
        )
    standing = db.session.scalars(sa.select(Setting).where(Setting.key == KEY).with_for_update()).one_or_none()
    if (standing.version if standing else 0) != version:
        raise StaleVersion
    before = dict(standing.value) if standing else asdict(LabSettings())
    if standing is None:
        standing = Setting(key=KEY, value={}, created_by=actor.id)
        db.session.add(standing)
    standing.value, standing.updated_at, standing.updated_by = asdict(settings), clock.now(), actor.id
    db.session.flush()
    changes = {name: [before.get(name), value] for name, value in asdict(settings).items() if before.get(name) != value}
    hospital_id = db.session.scalars(sa.select(HospitalInfo.hospital_id)).one()
    record_change(actor, "laboratory.settings", subject_type="setting", subject_id=hospital_id, changes=changes)
