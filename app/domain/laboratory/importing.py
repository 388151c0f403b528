"""Importing results from a table of an instrument: a row for each value, by the label of its specimen and its analyte.

Rows that are wrong are named and left out; the others become drafts, which somebody else verifies like any other. A
table that comes twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, VienError
from app.core.formats.sheets import Layout, detect, read_rows
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.identity.permissions import ENTER_RESULTS
from app.domain.laboratory.entering import Entry, enter_results, values_of
from app.domain.laboratory.errors import SINCE
from app.domain.laboratory.measuring import list_measures
from app.domain.laboratory.models import (
    Analyte,
    ItemStatus,
    LabOrderItem,
    LabReport,
    LabSpecimen,
    ReportStatus,
)
from app.domain.laboratory.rules import Measure, Reading, read_value
from app.tenancy.binding import needs_revision

MOST_ROWS = 5000
NAMES = {
    "specimen": ("specimen", "mã mẫu", "ma mau", "barcode", "sample"),
    "analyte": ("analyte", "mã chỉ số", "ma chi so", "test", "code"),
    "value": ("value", "kết quả", "ket qua", "result"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was left out: its number as a spreadsheet shows it, and why."""

    number: int
    reason: str


@dataclass(slots=True)
class Imported:
    """What came of a table."""

    values: int = 0
    reports: int = 0
    refused: list[Refused] = field(default_factory=list)


def import_results(actor: Actor, content: bytes, *, only_check: bool = False) -> Imported:
    """Enter the results of a table; with `only_check` say what would come of it.

    Raises InvalidValue where the file is no table, misses a column or has more rows than MOST_ROWS.
    """
    needs_revision(SINCE)
    layout = detect(content)
    places = _places(layout)
    done = Imported()
    found = _read(content, layout, places, done)
    for item_id, rows in found.items():
        try:
            _enter(actor, item_id, rows, done, only_check=only_check)
        except VienError as error:
            done.refused += [Refused(number, str(error.message)) for number, _measure, _typed in rows]
    done.refused.sort(key=lambda one: one.number)
    return done


def _places(layout: Layout) -> dict[str, int]:
    """Return which column is which."""
    header = [cell.casefold() for cell in layout.header]
    places = {
        name: header.index(known) for name, words in NAMES.items() for known in reversed(words) if known in header
    }
    missing = [words[0] for name, words in NAMES.items() if name not in places]
    if missing:
        raise InvalidValue(_l("The file misses the columns: %(columns)s.", columns=", ".join(missing)), field="file")
    return places


def _read(
    content: bytes, layout: Layout, places: dict[str, int], done: Imported
) -> dict[UUID, list[tuple[int, UUID, str]]]:
    """Return row number, analyte and typed value of each row, by the ordered test that it belongs to."""
    rows: list[tuple[int, str, str, str]] = []
    for row in read_rows([content], layout):
        if row.fault or len(row.cells) <= max(places.values()):
            done.refused.append(Refused(row.number, row.fault or str(_l("This row misses columns."))))
            continue
        specimen, analyte, typed = (row.cells[places[name]].strip() for name in ("specimen", "analyte", "value"))
        rows.append((row.number, specimen, analyte, typed))
        if len(rows) > MOST_ROWS:
            raise InvalidValue(_l("The file has more than %(most)s rows.", most=MOST_ROWS), field="file")
    known = _known({row[1].upper() for row in rows}, {row[2].upper() for row in rows})
    found: dict[UUID, list[tuple[int, UUID, str]]] = defaultdict(list)
    for number, specimen, analyte, typed in rows:
        match = known.get((specimen.upper(), analyte.upper()))
        if match is None:
            done.refused.append(Refused(number, str(_l("No specimen with this label waits for this analyte."))))
        elif not typed:
            done.refused.append(Refused(number, str(_l("This row has no value."))))
        else:
            found[match[0]].append((number, match[1], typed))
    return found


def _known(specimens: Iterable[str], analytes: Iterable[str]) -> dict[tuple[str, str], tuple[UUID, UUID]]:
    """Return ordered test and analyte by the codes of specimen and analyte, of what waits for results."""
    query = (
        sa.select(LabSpecimen.code, sa.func.upper(Analyte.code), LabOrderItem.id, Analyte.id)
        .join(LabOrderItem, LabOrderItem.specimen_id == LabSpecimen.id)
        .join(Analyte, Analyte.test_id == LabOrderItem.test_id)
        .where(
            LabSpecimen.code.in_(list(specimens)),
            sa.func.upper(Analyte.code).in_(list(analytes)),
            Analyte.is_active,
            LabOrderItem.status.in_((ItemStatus.COLLECTED, ItemStatus.ENTERED)),
        )
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in db.session.execute(query)}


def _enter(actor: Actor, item_id: UUID, rows: list[tuple[int, UUID, str]], done: Imported, *, only_check: bool) -> None:
    item = db.session.get_one(LabOrderItem, item_id)
    authorise(actor, item.patient_id, ENTER_RESULTS)
    draft = _draft(item_id)
    measures = {one.analyte_id: one for one in list_measures(item.test_id, item.patient_id, _when(item))}
    standing = {row.analyte_id: Reading(row.value, row.text, row.comparator) for row in draft[1]}
    new = _readings(rows, measures, done)
    changed = {analyte_id: reading for analyte_id, reading in new.items() if standing.get(analyte_id) != reading}
    done.values += len(changed)
    done.reports += bool(changed)
    if changed and not only_check:
        report: Any = draft[0]
        entry = Entry(
            {**standing, **changed},
            report.findings if report else None,
            report.interpretation if report else None,
        )
        enter_results(actor, item_id, item.version, entry)


def _readings(rows: list[tuple[int, UUID, str]], measures: dict[UUID, Measure], done: Imported) -> dict[UUID, Reading]:
    found: dict[UUID, Reading] = {}
    for number, analyte_id, typed in rows:
        try:
            found[analyte_id] = read_value(measures[analyte_id], typed)
        except InvalidValue as error:
            done.refused.append(Refused(number, str(error.message)))
    return found


def _draft(item_id: UUID) -> tuple[LabReport | None, Any]:
    query = sa.select(LabReport).where(LabReport.item_id == item_id, LabReport.status == ReportStatus.DRAFT)
    report = db.session.scalars(query).one_or_none()
    return (None, ()) if report is None else (report, values_of(report.id))


def _when(item: LabOrderItem) -> Any:
    return db.session.scalars(sa.select(LabSpecimen.collected_at).where(LabSpecimen.id == item.specimen_id)).one()
