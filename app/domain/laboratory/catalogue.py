"""Reading the catalogue: what can be ordered, and one test with its analytes and ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.domain.laboratory.errors import SINCE, LabTestNotFound
from app.domain.laboratory.models import Analyte, LabPanel, LabPanelTest, LabTest, ReferenceRange
from app.tenancy.binding import needs_revision

MOST_TESTS = 1000


@dataclass(frozen=True, slots=True)
class OfferedPanel:
    """A panel that can be ordered, with the names of its tests."""

    id: UUID
    code: str
    name: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be ordered: panels, and tests under their headings."""

    panels: list[OfferedPanel]
    categories: list[tuple[str, list[LabTest]]]


def list_offer() -> Offer:
    """Return what can be ordered now, in two statements."""
    needs_revision(SINCE)
    tests = list_tests(active_only=True)
    ordered = sorted(tests, key=lambda test: _place_of(test, tests))
    categories = [(name, list(group)) for name, group in groupby(ordered, key=lambda test: test.category)]
    return Offer(list_panels(active_only=True), categories)


def list_tests(*, active_only: bool = False) -> Sequence[LabTest]:
    """Return the tests of the catalogue in their order."""
    query = sa.select(LabTest).order_by(LabTest.position, LabTest.code).limit(MOST_TESTS)
    return db.session.scalars(query.where(LabTest.is_active) if active_only else query).all()


def list_panels(*, active_only: bool = False) -> list[OfferedPanel]:
    """Return the panels with the names of the tests that are offered."""
    names = sa.func.array_agg(sa.dialects.postgresql.aggregate_order_by(LabTest.name, LabTest.position))
    query = (
        sa.select(LabPanel.id, LabPanel.code, LabPanel.name, names)
        .join(LabPanelTest, LabPanelTest.panel_id == LabPanel.id)
        .join(LabTest, LabTest.id == LabPanelTest.test_id)
        .where(LabTest.is_active)
        .group_by(LabPanel.id)
        .order_by(LabPanel.position, LabPanel.code)
    )
    rows = db.session.execute(query.where(LabPanel.is_active) if active_only else query)
    return [OfferedPanel(row[0], row[1], row[2], tuple(row[3])) for row in rows]


def get_test(test_id: UUID) -> LabTest:
    """Return a test; raises LabTestNotFound."""
    needs_revision(SINCE)
    test = db.session.get(LabTest, test_id)
    if test is None:
        raise LabTestNotFound
    return test


def list_analytes(test_id: UUID) -> Sequence[Analyte]:
    """Return the analytes of a test, those that are not measured any more last."""
    query = sa.select(Analyte).where(Analyte.test_id == test_id)
    return db.session.scalars(query.order_by(Analyte.is_active.desc(), Analyte.position, Analyte.code)).all()


def get_analyte(analyte_id: UUID) -> Analyte:
    """Return an analyte; raises LabTestNotFound."""
    needs_revision(SINCE)
    analyte = db.session.get(Analyte, analyte_id)
    if analyte is None:
        raise LabTestNotFound
    return analyte


def list_ranges(analyte_id: UUID) -> Sequence[ReferenceRange]:
    """Return the reference ranges of an analyte."""
    query = sa.select(ReferenceRange).where(ReferenceRange.analyte_id == analyte_id)
    return db.session.scalars(query.order_by(ReferenceRange.sex.nulls_first(), ReferenceRange.from_days)).all()


def _place_of(test: LabTest, tests: Sequence[LabTest]) -> tuple[int, int]:
    """Return where a test stands: its heading where the first test of the heading stands."""
    first = min(one.position for one in tests if one.category == test.category)
    return first, test.position
