"""How often a hospital is backed up, how long that is kept and how often it is proven."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.tenancy.audit import record_platform_change
from app.tenancy.models import BackupPolicy

MOST = {
    "every_hours": 168,
    "keep_daily": 366,
    "keep_weekly": 260,
    "keep_monthly": 240,
    "keep_yearly": 50,
    "drill_every_days": 90,
}
AT_LEAST_ONE = ("every_hours", "keep_daily", "drill_every_days")


@dataclass(frozen=True, slots=True)
class Policy:
    """Numbers of a schedule: grandfather, father, son."""

    every_hours: int = 24
    keep_daily: int = 7
    keep_weekly: int = 4
    keep_monthly: int = 12
    keep_yearly: int = 3
    drill_every_days: int = 7


DEFAULT_POLICY = Policy()


def find_policy(hospital_id: UUID) -> Policy:
    """Return a hospital's policy, or the one that holds where none was chosen."""
    row = db.session.get(BackupPolicy, hospital_id)
    return DEFAULT_POLICY if row is None else policy_of(row)


def policy_of(row: BackupPolicy | None) -> Policy:
    """Return a row as a policy."""
    if row is None:
        return DEFAULT_POLICY
    return Policy(**{name: getattr(row, name) for name in asdict(DEFAULT_POLICY)})


def set_policy(actor: Actor, hospital_id: UUID, policy: Policy) -> None:
    """Choose a hospital's policy; raises InvalidValue."""
    wanted = asdict(policy)
    for name, value in wanted.items():
        least = 1 if name in AT_LEAST_ONE else 0
        if not least <= value <= MOST[name]:
            raise InvalidValue(
                _l("Enter a number from %(least)s to %(most)s.", least=least, most=MOST[name]), field=name
            )
    before = asdict(find_policy(hospital_id))
    row = {"hospital_id": hospital_id, "updated_by": actor.id, **wanted}
    statement = insert(BackupPolicy).values(created_by=actor.id, **row)
    db.session.execute(
        statement.on_conflict_do_update(index_elements=["hospital_id"], set_={**row, "updated_at": sa.func.now()})
    )
    db.session.expire_all()
    record_platform_change(
        db.session(),
        actor,
        "hospital.backup_policy",
        subject_type="hospital",
        subject_id=hospital_id,
        hospital_id=hospital_id,
        changes={name: [before[name], value] for name, value in wanted.items() if before[name] != value},
        risk="medium",
    )
