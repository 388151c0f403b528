"""Files that people send to be imported: kept encrypted, looked at, and begun once somebody has said what is what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from typing import BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core import clock
from app.core.actor import Actor
from app.core.blobs import digest_of
from app.core.db import db
from app.core.errors import InvalidValue, Text
from app.core.formats.sheets import SAMPLE, Layout, Row, detect, read_rows
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.domain.files.keeping import note_file, note_same_file, read_content, store_content
from app.domain.files.models import File
from app.domain.longwork.errors import NotATable, ResultGone, UnknownWork
from app.domain.longwork.keeping import list_files
from app.domain.longwork.models import FilePurpose, LongWork
from app.domain.longwork.requests import begin_prepared, check_steers, link_file, prepare_work, request_work
from app.domain.patients.importing import COLUMNS, check_columns, map_columns, read_patient_row
from app.tenancy.binding import bound_hospital

IMPORT_PATIENTS_KIND = "patients.import"
MOST_ROWS = 100_000
MOST_BYTES = 64 * 1024 * 1024
SHOWN_ROWS = 8
TITLES: dict[str, Text] = {column.name: column.title for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Looked:
    """A sent file as a person looks at it before anything is done with it."""

    layout: Layout
    columns: dict[str, int]
    rows: tuple[tuple[Row, Text | None], ...]


def send_patients(actor: Actor, name: str, content: BinaryIO, *, locale: str) -> LongWork:
    """Keep a file that somebody sent, encrypted, and prepare its import; raises NotATable or InvalidValue.

    Units of work of its own: the content goes into its place once the row that names it is committed.
    """
    digest, size = digest_of(content)
    if size > MOST_BYTES:
        raise NotATable(_l("The file is larger than %(most)s MB.", most=MOST_BYTES // 1024**2), field="file")
    content.seek(0)
    layout = detect(content.read(SAMPLE))
    total = _count(content, layout)
    arguments = {"file": name[-200:], "sha256": digest, "columns": map_columns(layout.header)}
    with unit_of_work():
        work = prepare_work(actor, IMPORT_PATIENTS_KIND, arguments=arguments, total=total, locale=locale)
        file = note_file(actor, name[-200:] or "patients.csv", "text/csv", content)
        link_file(work.id, FilePurpose.SOURCE, 0, file.id)
    store_content(digest, content)
    return work


def look_at(work_id: UUID, columns: dict[str, int]) -> Looked:
    """Return the first rows of a sent file with what is wrong with each, read by these columns; raises ResultGone."""
    layout, pieces = open_source(work_id)
    shown = islice(read_rows(pieces, layout), SHOWN_ROWS)
    return Looked(layout, columns, tuple((row, _fault(row, columns, today())) for row in shown))


def begin_import(actor: Actor, work_id: UUID, columns: dict[str, int], *, dry_run: bool, wake: bool = True) -> LongWork:
    """Have a prepared file imported, or tried; raises InvalidValue for the columns, DoneBefore for a file known."""
    layout, _pieces = open_source(work_id)
    arguments = {"columns": check_columns(columns, len(layout.header)), "dry_run": dry_run}
    work = db.session.get_one(LongWork, work_id)
    key = None if dry_run else str(work.arguments["sha256"])
    return begin_prepared(actor, work_id, arguments=arguments, key=key, wake=wake)


def import_tried(actor: Actor, work_id: UUID, *, wake: bool = True) -> LongWork:
    """Have a file imported that was tried before, by the same columns; raises ResultGone or DoneBefore."""
    tried = db.session.get(LongWork, work_id, populate_existing=True)
    source = list_files(work_id, FilePurpose.SOURCE)
    if tried is None:
        raise UnknownWork
    if not source or not tried.arguments.get("dry_run"):
        raise ResultGone
    check_steers(actor, tried)
    work = request_work(
        actor, IMPORT_PATIENTS_KIND, arguments=tried.arguments | {"dry_run": False},
        key=str(tried.arguments["sha256"]), total=tried.total, locale=tried.locale, wake=wake,
    )  # fmt: skip
    link_file(work.id, FilePurpose.SOURCE, 0, note_same_file(actor, source[0][1]).id)
    return work


def open_source(work_id: UUID) -> tuple[Layout, Iterator[bytes]]:
    """Return how the sent file is written and its content from the beginning; raises ResultGone."""
    files = list_files(work_id, FilePurpose.SOURCE)
    file = db.session.get_one(File, files[0][1]) if files else None
    if file is None or file.deleted_at is not None:
        raise ResultGone
    pieces = read_content(file.sha256)
    first = _at_least(pieces, SAMPLE)
    return detect(first[:SAMPLE]), chain([first], pieces)


def today() -> date:
    """Return the day that it is in the hospital."""
    return clock.today(ZoneInfo(bound_hospital().timezone))


def _fault(row: Row, columns: dict[str, int], day: date) -> Text | None:
    if row.fault:
        return row.fault
    try:
        check_columns(columns, 1 + max(columns.values(), default=0))
        read_patient_row(row.cells, columns, day)
    except InvalidValue as error:
        return f"{TITLES[error.field]}: {error}" if error.field in TITLES else error.message
    return None


def _count(content: BinaryIO, layout: Layout) -> int:
    content.seek(0)
    total = sum(1 for _row in islice(read_rows(iter(lambda: content.read(SAMPLE), b""), layout), MOST_ROWS + 1))
    if total > MOST_ROWS:
        raise NotATable(_l("The file has more than %(most)s rows. Cut it into several.", most=MOST_ROWS), field="file")
    if not total:
        raise NotATable(_l("The file has no rows behind its header."), field="file")
    return total


def _at_least(pieces: Iterable[bytes], size: int) -> bytes:
    """Return the first pieces together until they have a size: of the sample that was looked at first."""
    taken = bytearray()
    for piece in pieces:
        taken += piece
        if len(taken) >= size:
            break
    return bytes(taken)
