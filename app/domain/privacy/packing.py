"""Putting a patient's data together: a ZIP with JSON for machines, a page in Vietnamese for people, files attached."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.blobs import file_store
from app.core.db import db
from app.core.objects.interface import NoObject
from app.domain.files.models import File, FileLink
from app.domain.patients.models import Patient
from app.domain.privacy.holdings import LINKED, Holding, list_exported
from app.tenancy.binding import bound_hospital

VERSION = 1
LINKED_AS_EXPORT = "own_export"
UNSAFE = re.compile(r"[^\w.\- ]+")
HEAD = """<!doctype html><html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Bản sao dữ liệu cá nhân</title><style>
body{font-family:sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}
table{border-collapse:collapse;display:block;overflow-x:auto}
td,th{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}</style>"""


@dataclass(frozen=True, slots=True)
class Packed:
    """A copy, and how many rows of each table it carries."""

    name: str
    content: bytes
    counts: dict[str, int]


def pack(patient_id: UUID, export_id: UUID, *, asked_at: datetime) -> Packed:
    """Read everything of one patient and pack it; the same data packs to the same bytes."""
    hospital = bound_hospital()
    patient = db.session.get_one(Patient, patient_id)
    stamp = asked_at.astimezone(ZoneInfo(hospital.timezone))
    known = db.metadatas["hospital"].tables
    tables = {one: _read(one, known[one.table], patient_id) for one in list_exported() if one.table in known}
    files = _files(patient_id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, content: bytes) -> None:
            entry = zipfile.ZipInfo(name, date_time=stamp.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)

        about = {
            "format": "vien.own-data",
            "version": VERSION,
            "hospital": hospital.display_name,
            "patient": patient.code,
            "export": str(export_id),
            "as_of": asked_at,
            "tables": {holding.table: len(rows) for holding, rows in tables.items()},
            "files": sorted(name for name, _ in files),
        }
        add("README.html", _page(hospital.display_name, patient, stamp, tables, files).encode())
        add("about.json", _json(about))
        for holding, rows in tables.items():
            add(f"data/{holding.table}.json", _json(rows))
        for name, digest in files:
            try:
                add(f"files/{name}", b"".join(file_store().read(hospital.id, digest)))
            except NoObject:
                add(f"files/{name}.missing.txt", "Tệp này không còn trong kho lưu trữ.".encode())
    counts = {holding.table: len(rows) for holding, rows in tables.items() if rows}
    return Packed(f"du-lieu-ca-nhan-{patient.code}-{stamp:%Y%m%d}.zip", buffer.getvalue(), counts)


def _read(holding: Holding, table: sa.Table, patient_id: UUID) -> list[dict[str, Any]]:
    columns = [column for column in table.columns if column.name not in holding.hidden]
    wanted = f"({holding.of}) AND ({holding.shown})" if holding.shown else holding.of
    condition = sa.text(wanted).bindparams(sa.bindparam("who", patient_id, type_=sa.Uuid()))
    order = [column for column in table.primary_key.columns if column.name in table.columns]
    query = sa.select(*columns).select_from(table).where(condition).order_by(*order)
    return [dict(row) for row in db.session.execute(query).mappings()]


def _files(patient_id: UUID) -> list[tuple[str, str]]:
    """Return names and digests of what is attached to the patient, but no wrong document nor an unreleased result's.

    Copies made before are not packed again.
    """
    query = (
        sa.select(File.name, File.sha256, File.id)
        .join(FileLink, FileLink.file_id == File.id)
        .where(FileLink.patient_id == patient_id, FileLink.subject_type != LINKED_AS_EXPORT, File.deleted_at.is_(None))
        .where(sa.text(f"({LINKED})"))
        .distinct()
        .order_by(File.id)
    )
    rows = db.session.execute(query).all()
    return [
        (f"{number:03d}-{UNSAFE.sub('_', row.name)[-100:]}", row.sha256) for number, row in enumerate(rows, start=1)
    ]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _page(
    hospital: str,
    patient: Patient,
    stamp: datetime,
    tables: Mapping[Holding, list[dict[str, Any]]],
    files: Iterable[tuple[str, str]],
) -> str:
    """Write the page for people; every value is escaped, nothing is loaded from anywhere."""
    say = html.escape
    parts = [
        HEAD,
        f"<h1>Bản sao dữ liệu cá nhân</h1><p>{say(hospital)} · {say(patient.full_name)} · {say(patient.code)} · "
        f"{stamp:%d/%m/%Y %H:%M}</p>",
        "<p>Tệp này chứa toàn bộ dữ liệu mà bệnh viện lưu về Quý vị. Thư mục <code>data</code> chứa cùng dữ liệu ở "
        "dạng JSON để phần mềm khác đọc được; thư mục <code>files</code> chứa các tệp đính kèm. Đây là dữ liệu sức "
        "khỏe: hãy cất giữ cẩn thận và không gửi qua các kênh không bảo mật.</p><ul>",
        *(
            f'<li><a href="#{holding.table}">{say(str(holding.title))}</a>: {len(rows)}</li>'
            for holding, rows in tables.items()
        ),
        "</ul>",
    ]
    for holding, rows in tables.items():
        parts.append(f'<h2 id="{holding.table}">{say(str(holding.title))}</h2>')
        if not rows:
            parts.append("<p>Không có.</p>")
            continue
        names = list(rows[0])
        parts.append("<table><tr>" + "".join(f"<th>{say(name)}</th>" for name in names) + "</tr>")
        parts += [
            "<tr>" + "".join(f"<td>{say(_shown(row[name], stamp))}</td>" for name in names) + "</tr>" for row in rows
        ]
        parts.append("</table>")
    parts.append("<h2>Tệp đính kèm</h2><ul>")
    parts += [f"<li>{say(name)}</li>" for name, _ in files]
    return "\n".join([*parts, "</ul></html>"])


def _shown(value: Any, stamp: datetime) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(stamp.tzinfo):%d/%m/%Y %H:%M}"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
