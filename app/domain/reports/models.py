"""When each materialized view was last counted, and the views themselves as tables that are only read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import HospitalModel


class ReportRefresh(HospitalModel):
    """When a view was last counted, and in which time zone its days are. Written by `vien_refresh_report` only."""

    __tablename__ = "report_refreshes"

    view: Mapped[str] = mapped_column(primary_key=True)
    zone: Mapped[str]
    refreshed_at: Mapped[datetime] = mapped_column(doc="as of when: what was committed later is not counted")
    took_ms: Mapped[int]

    __table_args__ = (sa.CheckConstraint("took_ms >= 0", name="took_ms"),)


def _view(name: str, keys: dict[str, Any], *counts: str) -> sa.TableClause:
    return sa.table(
        name,
        *(sa.column(key, kind) for key, kind in keys.items()),
        *(sa.column(count, sa.BigInteger) for count in counts),
    )


WAITS = ("waited", "wait_seconds", "within_15", "within_30", "within_60", "over_60")
VISITS = ("visits", "completed", "cancelled", "no_shows")

# A row for each day and department …
appointment_stats = _view(
    "appointment_stats", {"day": sa.Date, "department_id": sa.Uuid}, *VISITS, "by_patients", "standing", *WAITS
)
# … and doctor …
doctor_stats = _view(
    "doctor_stats",
    {"day": sa.Date, "department_id": sa.Uuid, "doctor_id": sa.Uuid},
    *VISITS,
    "waited",
    "wait_seconds",
    "consulted",
    "consult_seconds",
)
# … and sex and age (the youngest of its group) of who was seen …
patient_stats = _view(
    "patient_stats",
    {"day": sa.Date, "department_id": sa.Uuid, "sex": sa.Text, "age_from": sa.Integer},
    "seen",
    "first_visits",
)
# … and category of ICD-10 (three characters) in signed records.
diagnosis_stats = _view(
    "diagnosis_stats", {"day": sa.Date, "department_id": sa.Uuid, "category": sa.Text}, "as_primary", "as_secondary"
)
VIEWS = (appointment_stats, doctor_stats, patient_stats, diagnosis_stats)
