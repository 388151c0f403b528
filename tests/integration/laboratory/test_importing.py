"""A table of results: contradictions are refused, what was typed stays, and two at once do not block each other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.laboratory.importing import Imported, import_results
from app.domain.laboratory.models import Analyte, LabOrderItem, LabReport, LabResult, LabSpecimen
from app.tenancy.binding import bind_hospital
from tests.integration.laboratory.conftest import Laboratory
from tests.support.queries import count_queries

Bound = Callable[[str], Any]


def _table(*rows: tuple[str, str, str]) -> bytes:
    return "\n".join(["specimen;analyte;value", *(";".join(row) for row in rows)]).encode()


def _collected(laboratory: Laboratory, **order: Any) -> tuple[LabOrderItem, str]:
    item = laboratory.order("DGD", **order)
    laboratory.collect(item)
    return item, db.session.scalars(sa.select(LabSpecimen.code).where(LabSpecimen.id == item.specimen_id)).one()


def _values() -> list[tuple[str, Decimal]]:
    query = sa.select(Analyte.code, LabResult.value).join(Analyte, Analyte.id == LabResult.analyte_id)
    return [(row[0], row[1]) for row in db.session.execute(query.order_by(Analyte.code))]


def _numbers(done: Imported) -> list[int]:
    return [one.number for one in done.refused]


def test_rows_that_contradict_each_other_are_all_refused(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        _item, label = _collected(laboratory)
        table = _table((label, "K", "4,1"), (label, "NA", "139"), (label, "K", "6,1"), (label, "NA", "139"))
        for only_check in (True, False):
            done = import_results(laboratory.first, table, only_check=only_check)
            assert (_numbers(done), done.values, done.reports) == ([2, 4], 1, 1)
        assert _values() == [("NA", Decimal(139))]


def test_what_a_person_typed_is_not_overwritten(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    with bound(alpha):
        item, label = _collected(laboratory)
        laboratory.enter(item, K="4,1")
        done = import_results(laboratory.second, _table((label, "K", "6,1"), (label, "NA", "139")))
        assert _numbers(done) == [2]
        assert "4,1" in done.refused[0].reason
        assert _values() == [("K", Decimal("4.1")), ("NA", Decimal(139))]
        report = db.session.scalars(sa.select(LabReport)).one()
        assert report.contributors == [laboratory.first.id, laboratory.second.id]
        again = import_results(laboratory.second, _table((label, "K", "4,1"), (label, "NA", "139")))
        assert (again.values, again.refused) == (0, [])


def test_two_imports_in_opposite_order_both_come_to_an_end(
    app: Flask, bound: Bound, alpha: str, laboratory: Laboratory
) -> None:
    with bound(alpha):
        labels = [_collected(laboratory, despite_open=True)[1] for _turn in range(6)]
    together = Barrier(2)

    def run(analyte: str, value: str, names: list[str]) -> int:
        with app.app_context(), bind_hospital(alpha):
            together.wait(60)
            with unit_of_work():
                return import_results(laboratory.first, _table(*((name, analyte, value) for name in names))).values

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run, "K", "4,1", labels), pool.submit(run, "NA", "139", labels[::-1])]
        assert [each.result(60) for each in both] == [6, 6]
    with bound(alpha):
        assert len(_values()) == 12


def test_an_import_needs_few_statements_for_each_test(bound: Bound, alpha: str, laboratory: Laboratory) -> None:
    needed = []
    for count in (1, 5):
        with bound(alpha):
            labels = [_collected(laboratory, despite_open=True)[1] for _turn in range(count)]
        with bound(alpha), count_queries() as seen:
            assert import_results(laboratory.first, _table(*((one, "K", "4,1") for one in labels))).values == count
        needed.append(len(seen))
    assert needed[1] - needed[0] <= 4 * 4, needed
