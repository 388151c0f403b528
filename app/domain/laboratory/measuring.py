"""What is to be measured of a patient: a test's analytes with the limits and ranges for this sex and age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.db import db
from app.domain.laboratory.models import Analyte, ReferenceRange
from app.domain.laboratory.rules import Measure, Range, age_in_days, pick_range
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital


def list_measures(test_id: UUID, patient_id: UUID, observed_at: datetime) -> list[Measure]:
    """Return what is measured by a test, with the ranges of the patient's sex and age at that time."""
    whose = db.session.execute(sa.select(Patient.sex, Patient.born_on).where(Patient.id == patient_id)).one()
    day = observed_at.astimezone(ZoneInfo(bound_hospital().timezone)).date()
    days = age_in_days(whose.born_on, day)
    query = (
        sa.select(Analyte).where(Analyte.test_id == test_id, Analyte.is_active).order_by(Analyte.position, Analyte.id)
    )
    analytes = db.session.scalars(query).all()
    ranges = ranges_of([analyte.id for analyte in analytes])
    return [measure_of(analyte, pick_range(ranges[analyte.id], whose.sex, days)) for analyte in analytes]


def ranges_of(analyte_ids: Sequence[UUID]) -> dict[UUID, list[Range]]:
    """Return the reference ranges of analytes."""
    query = (
        sa.select(ReferenceRange)
        .where(ReferenceRange.analyte_id.in_(analyte_ids))
        .order_by(ReferenceRange.from_days, ReferenceRange.sex.desc().nulls_first())
    )
    found: dict[UUID, list[Range]] = defaultdict(list)
    for row in db.session.scalars(query):
        found[row.analyte_id].append(Range(row.sex, row.from_days, row.until_days, row.low, row.high))
    return found


def measure_of(analyte: Analyte, usual: tuple[Any, Any]) -> Measure:
    """Return an analyte as what is to be measured."""
    return Measure(
        analyte.id,
        analyte.code,
        analyte.name,
        analyte.unit,
        analyte.value_kind,
        analyte.decimals,
        tuple(analyte.choices),
        tuple(analyte.normal_choices),
        (analyte.physical_low, analyte.physical_high),
        (analyte.critical_low, analyte.critical_high),
        usual,
        analyte.position,
    )
