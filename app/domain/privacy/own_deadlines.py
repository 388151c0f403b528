"""The hospital's own times for requests about data: shorter or longer than the law's, in its settings."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.audit.operations import record_change
from app.domain.organisation.models import Setting
from app.domain.privacy.deadlines import DAYS, LONGEST_DAYS
from app.domain.privacy.models import RequestKind
from app.domain.privacy.requests import SETTING


def set_deadlines(actor: Actor, days: Mapping[RequestKind, int]) -> None:
    """Say how many days each kind may take from now on; raises InvalidValue. Open requests keep their time."""
    for kind in RequestKind:
        if not 1 <= days.get(kind, DAYS[kind]) <= LONGEST_DAYS:
            raise InvalidValue(_l("Enter 1 to %(most)d days.", most=LONGEST_DAYS), field=kind.value)
    value = {kind.value: days.get(kind, DAYS[kind]) for kind in RequestKind}
    row = db.session.scalar(sa.select(Setting).where(Setting.key == SETTING).with_for_update())
    if row is None:
        db.session.add(Setting(key=SETTING, value=value, created_by=actor.id, updated_by=actor.id))
    else:
        row.value, row.updated_by = value, actor.id
    db.session.flush()
    changes = {"key": SETTING, "days": value}
    record_change(actor, "setting.change", subject_type="setting", subject_id=new_id(), changes=changes)
