"""Import of patients from a table: tried without effect, or done in batches, each row once.

A batch registers its rows, notes those that were refused or known, and counts itself done, in one transaction.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from app.core.db import db
from app.core.errors import InvalidValue
from app.core.formats.sheets import Layout, Row, read_rows
from app.core.formats.tables import BYTE_ORDER_MARK, escape_cell
from app.core.i18n import _, _l
from app.core.unit_of_work import unit_of_work
from app.domain.identity.permissions import IMPORT_PATIENTS
from app.domain.longwork.keeping import destroy_files
from app.domain.longwork.kinds import long_work
from app.domain.longwork.models import FilePurpose, LongWorkRow, RowOutcome
from app.domain.longwork.performing import Work
from app.domain.longwork.sent_files import IMPORT_PATIENTS_KIND, TITLES, open_source, today
from app.domain.patients.form_rules import RulesBroken, find_faults, read_form_rules
from app.domain.patients.importing import (
    Person,
    Register,
    check_columns,
    find_registered,
    read_patient_row,
    register_many,
)
from app.domain.patients.rules import PatientDetails

BATCH = 500
NOTES = 2_000
NOTHING = {"imported": 0, "duplicate": 0, "refused": 0}
Pair = tuple[Row, PatientDetails]


@long_work(IMPORT_PATIENTS_KIND, title=_l("Import of patients"), permission=IMPORT_PATIENTS, keeps_effects=True)
def import_patients(work: Work) -> dict[str, Any]:
    """Register the people of a table whom the hospital does not know; note the other rows and why."""
    dry_run = bool(work.arguments.get("dry_run"))
    if dry_run:
        _begin_anew(work)
    with unit_of_work():
        layout, pieces = open_source(work.id)
    columns = check_columns(work.arguments["columns"], len(layout.header))
    seen = Register() if dry_run else None
    done_to = work.checkpoint.get("row", 1)
    waiting = (row for row in read_rows(pieces, layout) if row.number > done_to)
    while batch := list(islice(waiting, BATCH)):
        with work.batch():
            counts, before = _take(work, batch, columns, seen), work.checkpoint.get("counts", NOTHING)
            work.checkpoint = {"row": batch[-1].number, "counts": {one: before[one] + counts[one] for one in NOTHING}}
            work.done += len(batch)
    result = dict(work.checkpoint.get("counts", NOTHING))
    if result["duplicate"] or result["refused"]:
        _keep_refused(work, layout)
    return result | ({"dry_run": True} if dry_run else {})


def _begin_anew(work: Work) -> None:
    """Forget an earlier try: it had no effect, and what it knew of the rows before died with it."""
    work.checkpoint, work.done, work.interruptible = {}, 0, False
    with work.batch() as session:
        session.execute(sa.delete(LongWorkRow).where(LongWorkRow.work_id == work.id))


def _take(work: Work, batch: Sequence[Row], columns: dict[str, int], seen: Register | None) -> dict[str, int]:
    """Take a batch of rows, in the present transaction; with `seen`, those of the rows before, only as if."""
    day, (rules, _version) = today(), read_form_rules()
    people: list[Pair] = []
    notes: list[dict[str, Any]] = []
    for row in batch:
        try:
            if row.fault:
                raise InvalidValue(row.fault)
            details = read_patient_row(row.cells, columns, day)
            if faults := find_faults(rules, details, day):
                raise RulesBroken(faults)
            people.append((row, details))
        except InvalidValue as error:
            notes.append(_note(work, row, RowOutcome.REFUSED, error.field, str(error)))
    fresh = _unknown(work, people, notes, seen)
    if seen is None:
        fresh = _register(work, fresh, notes)
    if notes:
        db.session.execute(sa.insert(LongWorkRow), notes)
    refused = sum(note["outcome"] is RowOutcome.REFUSED for note in notes)
    return {"imported": len(fresh), "refused": refused, "duplicate": len(notes) - refused}


def _unknown(work: Work, people: Sequence[Pair], notes: list[dict[str, Any]], seen: Register | None) -> list[Pair]:
    """Return the rows of people whom neither the hospital nor an earlier row of the file has."""
    described = [Person.of(one) for _row, one in people]
    hospital, file = find_registered(described), seen if seen is not None else Register()
    fresh = []
    for (row, one), person in zip(people, described, strict=True):
        known = hospital.find(person) or file.find(person)
        if known is None:
            fresh.append((row, one))
            file.add(_("row %(number)s of the file", number=row.number), person)
        else:
            column = known.by if known.by in TITLES else "full_name"
            notes.append(_note(work, row, RowOutcome.DUPLICATE, column, str(known.reason)))
    return fresh


def _register(work: Work, fresh: Sequence[Pair], notes: list[dict[str, Any]]) -> list[Pair]:
    """Register people; where the database takes one of them for none, the others all the same."""
    try:
        with db.session.begin_nested():
            made = register_many(work.actor, [one for _row, one in fresh], {"import": str(work.id)})
    except (IntegrityError, DataError):
        if len(fresh) == 1:
            reason = _("The database does not take this row.")
            notes.append(_note(work, fresh[0][0], RowOutcome.REFUSED, None, reason))
            return []
        middle = len(fresh) // 2
        return _register(work, fresh[:middle], notes) + _register(work, fresh[middle:], notes)
    reason = _("This CCCD number was given to somebody else while the file was imported.")
    notes += [
        _note(work, row, RowOutcome.DUPLICATE, "cccd", reason)
        for (row, _one), was_made in zip(fresh, made, strict=True)
        if not was_made
    ]
    return [pair for pair, was_made in zip(fresh, made, strict=True) if was_made]


def _note(work: Work, row: Row, outcome: RowOutcome, column: str | None, reason: str) -> dict[str, Any]:
    return {"work_id": work.id, "number": row.number, "outcome": outcome, "column": column, "reason": reason[:500]}


def _keep_refused(work: Work, layout: Layout) -> None:
    """Keep the rows that were not taken, as they were and with the reason, to be corrected and sent again."""
    with unit_of_work():
        destroy_files(work.id, FilePurpose.REFUSED)
        _layout, pieces = open_source(work.id)
    with tempfile.SpooledTemporaryFile(max_size=8 * 1024**2) as spooled:
        content = cast(BinaryIO, spooled)
        text = io.TextIOWrapper(content, encoding="utf-8", newline="", write_through=True)
        text.write(BYTE_ORDER_MARK)
        writer = csv.writer(text, delimiter=layout.separator)
        writer.writerow([escape_cell(cell) for cell in (*layout.header, _("Row"), _("Column"), _("Reason"))])
        for row, column, reason in _refused(work, read_rows(pieces, layout)):
            cells = (*row.cells, *[""] * (len(layout.header) - len(row.cells)))
            writer.writerow([escape_cell(cell) for cell in (*cells, str(row.number), column, reason)])
        stem = str(work.arguments.get("file", "")).rpartition(".")[0] or "patients"
        work.keep_file(FilePurpose.REFUSED, 0, f"{stem}-refused.csv", "text/csv", content)
        text.detach()


def _refused(work: Work, rows: Iterator[Row]) -> Iterator[tuple[Row, str, str]]:
    """Return the rows that have a note, in their order, with the column and the reason."""
    after = 0
    while notes := _notes_behind(work.id, after):
        for number, name, reason in notes:
            row = next(row for row in rows if row.number == number)
            yield row, str(TITLES.get(name or "", "")), reason
            after = number
        work.breathe()


def _notes_behind(work_id: UUID, after: int) -> Sequence[Any]:
    query = (
        sa.select(LongWorkRow.number, LongWorkRow.column, LongWorkRow.reason)
        .where(LongWorkRow.work_id == work_id, LongWorkRow.number > after)
        .order_by(LongWorkRow.number)
        .limit(NOTES)
    )
    with unit_of_work() as session:
        return session.execute(query).all()
