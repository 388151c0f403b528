"""What rules for the patient form would say of the patients registered last: how many, never whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.patients.form_rules import FIELDS, Fault, find_faults
from app.domain.patients.models import Patient
from app.domain.patients.rules import PatientDetails
from app.tenancy.binding import bound_hospital

TRIED = 500
_NAMES = tuple(name for name in FIELDS if name != "allergies")


@dataclass(frozen=True, slots=True)
class Trial:
    """How many patients were looked at, how many the rules would refuse, and how often each rule would speak."""

    tried: int
    refused: int
    faults: tuple[tuple[Fault, int], ...]


def try_rules(schema: dict[str, Any]) -> Trial:
    """Return what rules would say of the patients registered last; allergies are not looked at."""
    query = sa.select(*(getattr(Patient, name) for name in _NAMES)).where(Patient.deleted_at.is_(None))
    rows = db.session.execute(query.order_by(Patient.id.desc()).limit(TRIED)).all()
    today = clock.today(ZoneInfo(bound_hospital().timezone))
    counts: Counter[Fault] = Counter()
    refused = 0
    for row in rows:
        faults = find_faults(schema, PatientDetails(**row._asdict()), today)
        refused += bool(faults)
        counts.update(Fault(fault.field, str(fault.message)) for fault in faults)
    return Trial(len(rows), refused, tuple(counts.most_common()))
