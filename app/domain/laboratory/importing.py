"""Importing results from a table of an instrument: a row for each value, by the label of its specimen and its analyte.

Rows that are wrong, that contradict each other or what was typed into a draft are named and left out; the others become
drafts, which somebody else verifies like any other. A table that comes twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, VienError
from app.core.formats.sheets import Layout, detect, read_rows
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.identity.permissions import ENTER_RESULTS
from app.domain.laboratory.entering import Entering, Entry, check_entry, write_entries
from app.domain.laboratory.errors import SINCE
from app.domain.laboratory.models import Analyte, ItemStatus, LabOrderItem, LabSpecimen
from app.domain.laboratory.rules import Reading, read_value
from app.domain.laboratory.standing import Standing, gather
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


@dataclass(frozen=True, slots=True)
class Row:
    """A row that has a place: its number, what is measured, and what was typed."""

    number: int
    analyte_id: UUID
    typed: str


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
    items = _items_of(found, hold=not only_check)
    standing = gather(items)
    ready = []
    for item in items:
        rows = found[item.id]
        try:
            acting = authorise(actor, item.patient_id, ENTER_RESULTS)
            entry = _entry_of(rows, standing[item.id], done)
            if entry is not None:
                check_entry(item, entry, standing[item.id])
                ready.append(Entering(acting, item, entry, standing[item.id]))
        except VienError as error:
            done.refused += [Refused(row.number, str(error.message)) for row in rows]
    for one in ready:
        done.values += len(one.entry.values) - len(one.standing.readings())
        done.reports += 1
    if ready and not only_check:
        write_entries(ready)
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


def _read(content: bytes, layout: Layout, places: dict[str, int], done: Imported) -> dict[UUID, list[Row]]:
    """Return the rows that have a place, by the ordered test that they belong to."""
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
    found: dict[UUID, list[Row]] = defaultdict(list)
    for number, specimen, analyte, typed in rows:
        match = known.get((specimen.upper(), analyte.upper()))
        if match is None:
            done.refused.append(Refused(number, str(_l("No specimen with this label waits for this analyte."))))
        elif not typed:
            done.refused.append(Refused(number, str(_l("This row has no value."))))
        else:
            found[match[0]].append(Row(number, match[1], typed))
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


def _items_of(item_ids: Iterable[UUID], *, hold: bool) -> Sequence[LabOrderItem]:
    """Return ordered tests; held, they are locked in the order of their ids, so that no two imports block another."""
    query = sa.select(LabOrderItem).where(LabOrderItem.id.in_(list(item_ids))).order_by(LabOrderItem.id)
    query = query.with_for_update() if hold else query
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def _entry_of(rows: Sequence[Row], standing: Standing, done: Imported) -> Entry | None:
    """Return the draft as it would be with the rows; None where they bring nothing new.

    Rows that contradict each other, or what stands in the draft already, are refused.
    """
    there, new = standing.readings(), _agreed(_readings(rows, standing, done), done)
    added: dict[UUID, Reading] = {}
    for analyte_id, several in new.items():
        if analyte_id not in there:
            added[analyte_id] = several[0][1]
        elif there[analyte_id] != several[0][1]:
            reason = _l("The draft says %(value)s already. Change it by hand if this is right.",
                        value=there[analyte_id].words)  # fmt: skip
            done.refused += [Refused(row.number, str(reason)) for row, _reading in several]
    if not added:
        return None
    draft = standing.draft
    return Entry(
        {**there, **added},
        draft.findings if draft else None,
        draft.interpretation if draft else None,
        called_critical=draft.called_critical if draft else False,
    )


def _readings(rows: Sequence[Row], standing: Standing, done: Imported) -> dict[UUID, list[tuple[Row, Reading]]]:
    found: dict[UUID, list[tuple[Row, Reading]]] = defaultdict(list)
    for row in rows:
        try:
            found[row.analyte_id].append((row, read_value(standing.measures[row.analyte_id], row.typed)))
        except InvalidValue as error:
            done.refused.append(Refused(row.number, str(error.message)))
    return found


def _agreed(found: dict[UUID, list[tuple[Row, Reading]]], done: Imported) -> dict[UUID, list[tuple[Row, Reading]]]:
    """Leave out what has several values; which of them is right, nobody knows."""
    agreed = {}
    for analyte_id, several in found.items():
        if len({reading for _row, reading in several}) == 1:
            agreed[analyte_id] = several
            continue
        said = ", ".join(dict.fromkeys(reading.words for _row, reading in several))
        reason = str(_l("Rows of this specimen and analyte contradict each other: %(values)s.", values=said))
        done.refused += [Refused(row.number, reason) for row, _reading in several]
    return agreed
