"""Vietnamese titles of the ICD-10 that a hospital imports from a table; they go before those that Vien carries.

The full list of the Ministry of Health is the hospital's to obtain and to import; it is not shipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.formats.names import normalise_name, search_key
from app.core.formats.sheets import SAMPLE, Row, detect, read_rows
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.audit.operations import record_change
from app.domain.records import icd10
from app.domain.records.icd10 import Diagnosis
from app.domain.records.models import Icd10Title

MOST_BYTES = 8 * 1024 * 1024
MOST_ROWS = 60_000
LONGEST_TITLE = 500
SHOWN_FAULTS = 100
BATCH = 2_000
CODE_HEADERS = ("ma", "ma benh", "ma icd", "ma icd 10", "ma icd10", "icd", "icd10", "icd 10", "code")
TITLE_HEADERS = (
    "ten benh",
    "ten",
    "ten tieng viet",
    "ten benh tieng viet",
    "ten benh tieng viet nam",
    "title vi",
    "title",
)
_MARKS = re.compile(r"[†*+\s]")


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was not taken, by its number in the spreadsheet."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a table: how many titles were taken, how many rows were not, and why the first of these."""

    taken: int
    refused: int
    faults: list[Fault]


def count_titles() -> int:
    """Return how many titles the hospital has imported."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Icd10Title)) or 0


def import_titles(actor: Actor, content: bytes) -> Imported:
    """Take the titles of a table, row by row; rows that are wrong are left out and named. A title known is replaced.

    Raises InvalidValue where it is no table, or no columns for code and title are found.
    """
    if len(content) > MOST_BYTES:
        raise InvalidValue(_l("The file is larger than %(most)s MB.", most=MOST_BYTES // 1024**2), field="file")
    layout = detect(content[:SAMPLE])
    code_at, title_at = _column(layout.header, CODE_HEADERS), _column(layout.header, TITLE_HEADERS)
    if code_at is None or title_at is None:
        raise InvalidValue(
            _l("The first row must name a column with codes (“Mã”) and one with titles (“Tên bệnh”)."), field="file"
        )
    titles: dict[str, str] = {}
    faults: list[Fault] = []
    for row in read_rows([content], layout):
        if len(titles) >= MOST_ROWS:
            raise InvalidValue(_l("The file has more than %(most)s rows.", most=MOST_ROWS), field="file")
        try:
            code, title = _read(row, code_at, title_at)
        except InvalidValue as error:
            faults.append(Fault(row.number, str(error)))
        else:
            titles[code] = title
    _keep(actor, titles)
    return Imported(len(titles), len(faults), faults[:SHOWN_FAULTS])


def remove_titles(actor: Actor) -> int:
    """Go back to the titles that Vien carries; return how many were taken away."""
    gone = len(db.session.scalars(sa.delete(Icd10Title).returning(Icd10Title.code)).all())
    changes = {"count": gone}
    record_change(actor, "icd10_titles.remove", subject_type="icd10_titles", subject_id=new_id(), changes=changes)
    return gone


def get_titled(code: str) -> Diagnosis:
    """Return a diagnosis by code with the hospital's own title; raises UnknownDiagnosis."""
    return next(iter(with_own_titles([icd10.get(code)])))


def search_titled(query: str, locale: str, limit: int) -> list[Diagnosis]:
    """Find diagnoses by code, by the hospital's own titles and by those that Vien carries. One statement."""
    found = icd10.search(query, locale, limit)
    words = icd10.words_of(query)
    matching = sa.and_(*(Icd10Title.search_title.op("~")(rf"\m{word}") for word in words)) if words else sa.false()
    known = Icd10Title.code.in_([each.code for each in found])
    key = search_key(normalise_name(query))
    rows = db.session.execute(
        sa.select(Icd10Title.code, Icd10Title.title_vi, matching.label("matches"))
        .where(sa.or_(known, matching))
        .order_by(
            ~sa.func.starts_with(Icd10Title.search_title, key), sa.func.length(Icd10Title.title_vi), Icd10Title.code
        )
        .limit(limit * 2)
    ).all()
    titles = {row.code: row.title_vi for row in rows}
    own = [icd10.get(row.code) for row in rows if row.matches] if locale == "vi" else []
    by_code = found if icd10.looks_like_code(query) else []
    together = dict.fromkeys(chain(by_code, own, found))
    return [_titled(each, titles) for each in together][:limit]


def with_own_titles(diagnoses: Iterable[Diagnosis]) -> list[Diagnosis]:
    """Return diagnoses with the hospital's own titles where it has them."""
    found = list(diagnoses)
    query = sa.select(Icd10Title.code, Icd10Title.title_vi).where(Icd10Title.code.in_([each.code for each in found]))
    titles = {row.code: row.title_vi for row in db.session.execute(query)}
    return [_titled(each, titles) for each in found]


def _titled(diagnosis: Diagnosis, titles: dict[str, str]) -> Diagnosis:
    own = titles.get(diagnosis.code)
    return replace(diagnosis, title_vi=own) if own else diagnosis


def _column(header: tuple[str, ...], names: tuple[str, ...]) -> int | None:
    plain = [" ".join(re.sub(r"[^a-z0-9]+", " ", search_key(name)).split()) for name in header]
    return next((plain.index(name) for name in names if name in plain), None)


def _read(row: Row, code_at: int, title_at: int) -> tuple[str, str]:
    if row.fault:
        raise InvalidValue(row.fault)
    cells = [*row.cells, *[""] * (max(code_at, title_at) + 1 - len(row.cells))]
    code, title = icd10.get(_MARKS.sub("", cells[code_at])).code, " ".join(cells[title_at].split())
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise InvalidValue(_l("The title of %(code)s is empty or too long.", code=code))
    return code, title


def _keep(actor: Actor, titles: dict[str, str]) -> None:
    now = clock.now()
    rows = [
        {"code": code, "title_vi": title, "created_by": actor.id, "updated_by": actor.id, "updated_at": now}
        for code, title in titles.items()
    ]
    wanted = insert(Icd10Title)
    wanted = wanted.on_conflict_do_update(
        index_elements=["code"],
        set_={name: wanted.excluded[name] for name in ("title_vi", "updated_by", "updated_at")},
    )
    for start in range(0, len(rows), BATCH):
        db.session.execute(wanted, rows[start : start + BATCH])
    record_change(
        actor, "icd10_titles.import", subject_type="icd10_titles", subject_id=new_id(), changes={"count": len(rows)}
    )
