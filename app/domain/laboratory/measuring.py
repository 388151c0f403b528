"""What is to be measured of a patient: a test's analytes with the limits and ranges for this sex and age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.db import db
from app.domain.laboratory.models import Analyte, ReferenceRange
from app.domain.laboratory.rules import Measure, Range, age_in_days, pick_range
from app.domain.patients.models import Patient, Sex
from app.tenancy.binding import bound_hospital


@dataclass(frozen=True, slots=True)
class Subject:
    """A test of somebody at a time, by which the ranges are chosen."""

    test_id: UUID
    sex: Sex
    born_on: date
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured by a test, and what was measured by it once and is not any more."""

    active: list[Measure]
    retired: list[Measure]


def list_measures(test_id: UUID, patient_id: UUID, observed_at: datetime) -> list[Measure]:
    """Return what is measured by a test, with the ranges of the patient's sex and age at that time."""
    whose = db.session.execute(sa.select(Patient.sex, Patient.born_on).where(Patient.id == patient_id)).one()
    return measure_all({test_id: Subject(test_id, whose.sex, whose.born_on, observed_at)})[test_id].active


def measure_all(subjects: Mapping[UUID, Subject]) -> dict[UUID, Measured]:
    """Return what is measured of each, by the keys given; two statements however many there are."""
    analytes = _analytes_of({subject.test_id for subject in subjects.values()})
    ranges = ranges_of([analyte.id for several in analytes.values() for analyte in several])
    return {key: _measured(subject, analytes[subject.test_id], ranges) for key, subject in subjects.items()}


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
        tuple(analyte.critical_choices),
        (analyte.physical_low, analyte.physical_high),
        (analyte.critical_low, analyte.critical_high),
        usual,
        analyte.position,
    )


def _analytes_of(test_ids: Collection[UUID]) -> dict[UUID, list[Analyte]]:
    query = sa.select(Analyte).where(Analyte.test_id.in_(test_ids)).order_by(Analyte.position, Analyte.id)
    found: dict[UUID, list[Analyte]] = defaultdict(list)
    for analyte in db.session.scalars(query):
        found[analyte.test_id].append(analyte)
    return found


def _measured(subject: Subject, analytes: Sequence[Analyte], ranges: Mapping[UUID, list[Range]]) -> Measured:
    day = subject.observed_at.astimezone(ZoneInfo(bound_hospital().timezone)).date()
    days = age_in_days(subject.born_on, day)
    measured = Measured([], [])
    for analyte in analytes:
        measure = measure_of(analyte, pick_range(ranges[analyte.id], subject.sex, days))
        (measured.active if analyte.is_active else measured.retired).append(measure)
    return measured
