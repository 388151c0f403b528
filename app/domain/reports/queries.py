"""The figures of a period, of the hospital or of one department, read from what was counted last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Department
from app.domain.reports.blocks import Block, block_of
from app.domain.reports.models import (
    VIEWS,
    ReportRefresh,
    appointment_stats,
    diagnosis_stats,
    doctor_stats,
    patient_stats,
)
from app.domain.reports.periods import Period

MOST_ROWS = 500
MOST_BLOCKS = 300
AGES = (0, 6, 16, 40, 60, 80)
_HERE: dict[str, Any] = {"bind_arguments": {"mapper": ReportRefresh}}


@dataclass(frozen=True, slots=True)
class Freshness:
    """As of when all the figures are, in which zone their days begin, and how long counting them took."""

    as_of: datetime
    zone: str
    took: timedelta


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is about."""

    period: Period
    department_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class BlockCount:
    """How often diagnoses of a block of ICD-10 were made."""

    block: Block
    as_primary: int
    as_secondary: int


@dataclass(frozen=True, slots=True)
class AgeCount:
    """How many patients of an age were seen in a day, summed over the days."""

    age_from: int
    age_to: int | None
    by_sex: dict[str, int]
    first_visits: int

    @property
    def seen(self) -> int:
        return sum(self.by_sex.values())


def find_freshness() -> Freshness | None:
    """Return as of when the figures are; None where one of the views was never counted, as after a move."""
    catalogue = sa.table("pg_class", sa.column("relname"), sa.column("relispopulated"), sa.column("relkind"))
    query = (
        sa.select(ReportRefresh.zone, ReportRefresh.refreshed_at, ReportRefresh.took_ms)
        .join(catalogue, sa.and_(catalogue.c.relname == ReportRefresh.view, catalogue.c.relkind == "m"))
        .where(catalogue.c.relispopulated, ReportRefresh.view.in_([view.name for view in VIEWS]))
    )
    rows = db.session.execute(query, **_HERE).all()
    if len(rows) < len(VIEWS):
        return None
    oldest = min(rows, key=lambda row: row.refreshed_at)
    return Freshness(oldest.refreshed_at, oldest.zone, timedelta(milliseconds=sum(row.took_ms for row in rows)))


def list_departments() -> Sequence[Any]:
    """Return every department, also one that takes no bookings any more: it may have figures."""
    return db.session.execute(
        sa.select(Department.id, Department.name).order_by(Department.position, Department.name).limit(MOST_ROWS)
    ).all()


def read_visits(asked: Asked) -> Sequence[Any]:
    """Return visits and waiting of each step of the period that has some."""
    step = sa.cast(sa.func.date_trunc(asked.period.step.value, appointment_stats.c.day), sa.Date).label("starts")
    query = sa.select(step, *_sums(appointment_stats)).where(*_within(appointment_stats, asked))
    return db.session.execute(query.group_by(step).order_by(step), **_HERE).all()


def read_departments(asked: Asked) -> Sequence[Any]:
    """Return visits and waiting of each department."""
    sums = _sums(appointment_stats)
    query = (
        sa.select(Department.name.label("name"), *sums)
        .join(appointment_stats, appointment_stats.c.department_id == Department.id)
        .where(*_within(appointment_stats, asked))
        .group_by(Department.id)
        .order_by(sa.desc("visits"), Department.name)
    )
    return db.session.execute(query.limit(MOST_ROWS), **_HERE).all()


def read_doctors(asked: Asked) -> Sequence[Any]:
    """Return visits, waiting and consultations of each doctor in each department."""
    query = (
        sa.select(StaffUser.full_name.label("name"), Department.name.label("department_name"), *_sums(doctor_stats))
        .join(doctor_stats, doctor_stats.c.doctor_id == StaffUser.id)
        .join(Department, Department.id == doctor_stats.c.department_id)
        .where(*_within(doctor_stats, asked))
        .group_by(StaffUser.id, Department.id)
        .order_by(sa.desc("visits"), StaffUser.full_name, Department.name)
    )
    return db.session.execute(query.limit(MOST_ROWS), **_HERE).all()


def read_diagnoses(asked: Asked) -> list[BlockCount]:
    """Return how often each block of ICD-10 was diagnosed in signed records, the most frequent first."""
    category = diagnosis_stats.c.category
    query = sa.select(category, *_sums(diagnosis_stats)).where(*_within(diagnosis_stats, asked)).group_by(category)
    counts: dict[Block, list[int]] = {}
    for row in db.session.execute(query, **_HERE):
        count = counts.setdefault(block_of(row.category), [0, 0])
        count[0] += row.as_primary
        count[1] += row.as_secondary
    found = [BlockCount(block, *count) for block, count in counts.items()]
    return sorted(found, key=lambda one: (-one.as_primary, -one.as_secondary, one.block.code))[:MOST_BLOCKS]


def read_patients(asked: Asked) -> list[AgeCount]:
    """Return how many patients were seen, by age and sex. Who comes on two days is counted twice."""
    keys = (patient_stats.c.age_from, patient_stats.c.sex)
    query = sa.select(*keys, *_sums(patient_stats)).where(*_within(patient_stats, asked)).group_by(*keys)
    rows = db.session.execute(query, **_HERE).all()
    upper = dict(zip(AGES, [age - 1 for age in AGES[1:]], strict=False))
    return [
        AgeCount(
            age,
            upper.get(age),
            {row.sex: row.seen for row in rows if row.age_from == age},
            sum(row.first_visits for row in rows if row.age_from == age),
        )
        for age in AGES
    ]


def first_day() -> date | None:
    """Return the first day that has figures."""
    found: date | None = db.session.scalar(sa.select(sa.func.min(appointment_stats.c.day)), **_HERE)
    return found


def _sums(view: sa.TableClause) -> list[Any]:
    counts = [column for column in view.columns if isinstance(column.type, sa.BigInteger)]
    return [sa.cast(sa.func.sum(column), sa.BigInteger).label(column.name) for column in counts]


def _within(view: sa.TableClause, asked: Asked) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = [view.c.day.between(asked.period.first, asked.period.last)]
    if asked.department_id is not None:
        wanted.append(view.c.department_id == asked.department_id)
    return wanted
