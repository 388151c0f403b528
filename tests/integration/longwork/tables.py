"""Tables of invented people, and what the tests of long work do with them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.longwork import registered  # noqa: F401 (it knows the kinds)
from app.domain.longwork.models import LongWork
from app.domain.longwork.performing import Listener, perform_work
from app.domain.longwork.sent_files import begin_import, send_patients
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import Patient, Sex
from app.tenancy.binding import bind_hospital
from tests.support.platform import ACTOR

Bind = Callable[[str], Any]
HEADER = ["Họ và tên", "Ngày sinh", "Giới tính", "Số CCCD", "SĐT"]


def people(count: int, start: int = 0) -> list[list[str]]:
    """Return rows of people whom nobody else is."""
    return [
        [f"Người Thử {n}", "15/03/1984", "Nam", compose_cccd("079", Sex.MALE, 1984, n), f"09{10_000_000 + n}"]
        for n in range(start, start + count)
    ]


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> str:
    """Write rows as CSV."""
    return "\n".join(",".join(row) for row in (header, *rows)) + "\n"


def send(app: Flask, text: str | bytes, name: str = "benh-nhan.csv", code: str = "alpha") -> UUID:
    """Send a file; return the id of the prepared import."""
    content = text.encode() if isinstance(text, str) else text
    with app.app_context(), bind_hospital(code):
        return send_patients(ACTOR, name, io.BytesIO(content), locale="vi").id


def begin(app: Flask, work_id: UUID, *, dry_run: bool = False, code: str = "alpha") -> UUID:
    """Have a sent file imported by the columns that were recognised."""
    with app.app_context(), bind_hospital(code), unit_of_work() as session:
        columns = session.get_one(LongWork, work_id).arguments["columns"]
        return begin_import(ACTOR, work_id, columns, dry_run=dry_run, wake=False).id


def perform(app: Flask, work_id: UUID, listener: Listener | None = None, code: str = "alpha") -> dict[str, Any]:
    """Perform work as a worker does, in this process."""
    with app.app_context(), bind_hospital(code):
        return perform_work(work_id, listener)


def read(app: Flask, work_id: UUID, code: str = "alpha") -> LongWork:
    """Return the row as it stands."""
    with app.app_context(), bind_hospital(code), unit_of_work() as session:
        row = session.get_one(LongWork, work_id)
        session.expunge(row)
        return row


def count(app: Flask, *conditions: Any, code: str = "alpha", of: Any = Patient) -> int:
    """Count rows, patients unless told otherwise."""
    with app.app_context(), bind_hospital(code), unit_of_work():
        return db.session.scalar(sa.select(sa.func.count()).select_from(of).where(*conditions)) or 0
