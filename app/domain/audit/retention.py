"""How long a hospital's logs are kept: whole sealed months are dropped when their time is over, their seals stay.

A log lives at least as long as the records whose readers it names. Records of inpatients and outpatients are kept for
ten years (Luật Khám bệnh, chữa bệnh, on medical records); what a hospital must keep longer makes its logs live longer,
too. The database itself drops nothing younger than ten years, whatever it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry, LogRetirement
from app.domain.audit.operations import record_change
from app.domain.organisation.models import Setting
from app.tenancy.binding import bound_hospital
from app.tenancy.sealing.canonical import HOSPITAL_LOGS

KEY = "log_retention"
LEAST_YEARS, MOST_YEARS = 10, 100
HERE: dict[str, Any] = {"mapper": AuditEntry}

_MONTHS = sa.text(
    "SELECT to_date(right(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = to_regclass(:log) AND c.relname ~ '_[0-9]{4}_[0-9]{2}$' ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a log."""

    log: str
    begins: date


def years_kept() -> int:
    """Return for how many years the bound hospital keeps its logs."""
    value: dict[str, Any] | None = db.session.scalar(sa.select(Setting.value).where(Setting.key == KEY))
    return int((value or {}).get("years", LEAST_YEARS))


def keep_for(actor: Actor, years: int) -> None:
    """Say for how many years the logs are kept; raises InvalidValue for fewer than the records themselves live."""
    if not LEAST_YEARS <= years <= MOST_YEARS:
        raise InvalidValue(
            _l("Enter a number from %(least)s to %(most)s.", least=LEAST_YEARS, most=MOST_YEARS), field="years"
        )
    before = years_kept()
    setting = db.session.get(Setting, KEY)
    if setting is None:
        db.session.add(Setting(key=KEY, value={"years": years}, created_by=actor.id, updated_by=actor.id))
    else:
        setting.value, setting.updated_by = {"years": years}, actor.id
    record_change(
        actor, "audit.retention", subject_type="log", subject_id=bound_hospital().id, changes={"years": [before, years]}
    )


def list_due_months() -> list[Month]:
    """Return the months whose time is over, the oldest first."""
    today, years = clock.now().date(), years_kept()
    last = date(today.year - years, today.month, 1)  # a month that ended before this one began, so many years ago
    return [
        Month(log.name, begins)
        for log in HOSPITAL_LOGS
        for begins in db.session.scalars(_MONTHS, {"log": log.name}, bind_arguments=HERE)
        if begins < last
    ]


def has_due_months() -> bool:
    """Months of a log are older than the hospital keeps them."""
    return bool(list_due_months())


def retire_due_months(actor: Actor) -> list[tuple[Month, int]]:
    """Drop the months whose time is over, a transaction for each; return them with how many rows they had.

    What is not sealed yet stays, and raises what the database says. A month that is gone already harms nothing.
    """
    with unit_of_work():
        due, years = list_due_months(), years_kept()
    return [(month, _retire(actor, month, years)) for month in due]


def list_certificates(limit: int = 50) -> Sequence[LogRetirement]:
    """Return what was dropped, the newest first."""
    return db.session.scalars(sa.select(LogRetirement).order_by(LogRetirement.retired_at.desc()).limit(limit)).all()


def _retire(actor: Actor, month: Month, years: int) -> int:
    with unit_of_work() as session:
        dropped = sa.func.vien_retire_log_month(month.log, month.begins, years, actor.name)
        rows: int = session.scalar(sa.select(dropped), bind_arguments=HERE) or 0
        if rows >= 0:
            record_change(
                actor,
                "audit.retire",
                subject_type="log",
                subject_id=bound_hospital().id,
                changes={"log": month.log, "month": f"{month.begins:%Y-%m}", "rows": rows, "years": years},
            )
    return rows
