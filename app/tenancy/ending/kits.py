"""An exit kit: everything that is a hospital's, from one instant of its database, for any other system to read.

A dump for PostgreSQL, every table as CSV and as JSON Lines, a dictionary of the data, the files under their own names,
and a manifest with counts and checksums, signed. It is of the hospital's data as they are: CSV cells that begin with
`=` are not escaped, because whoever imports them would get other data.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from psycopg import sql

from app.core import clock
from app.core.blobs import FileStore
from app.core.objects.interface import NoObject
from app.tenancy.backups.dumping import Snapshot, dump, snapshot_of
from app.tenancy.cluster import Cluster
from app.tenancy.ending import signing
from app.tenancy.ending.dictionary import describe_tables, write_dictionary
from app.tenancy.ending.targets import Target

FORMAT = 1
DUMP, MANIFEST, CHECKSUMS, README = "database.dump", "manifest.json", "SHA256SUMS", "README.txt"
LONGEST_NAME = 120
CSV = "COPY (SELECT * FROM {}) TO STDOUT (FORMAT csv, HEADER true, ENCODING 'UTF8')"
# No JSON has these two signs in it, so that nothing is quoted and each row is a line as it is.
JSON_LINES = (
    "COPY (SELECT row_to_json(t) FROM {} t) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02', ENCODING 'UTF8')"
)

Note = Callable[[int, int, str], None]


def write_kit(
    target: Target, cluster: Cluster, database: str, files: FileStore, note: Note = lambda _d, _t, _n: None
) -> dict[str, Any]:
    """Write a kit and return its manifest; `note` hears of each part and may raise to stop it.

    Raises NoProgram, DumpFailed, StoreFailed or ClusterError.
    """
    with snapshot_of(cluster, database) as snapshot:
        hospital_id, code, name, revision = snapshot.facts()
        taken_at = clock.now()
        tables = describe_tables(snapshot.connection)
        steps = len(tables) + 3
        note(0, steps, DUMP)
        with target.entry(DUMP) as entry:
            _, program = dump(cluster, database, snapshot, entry, lambda _done: note(0, steps, DUMP))
        counts: dict[str, int] = {}
        for number, table in enumerate(tables, start=1):
            note(number, steps, table["name"])
            counts[table["name"]] = _write_table(target, snapshot, table["name"])
        note(steps - 2, steps, "dictionary")
        write_dictionary(target, tables)
        note(steps - 1, steps, "files")
        present, missing = _write_files(target, snapshot, files, hospital_id)
    with target.entry(README) as entry:
        entry.write(_readme(code, name, taken_at.isoformat(timespec="seconds"), snapshot.major).encode())
    manifest = {
        "format": FORMAT,
        "kind": "exit kit",
        "hospital": {"id": str(hospital_id), "code": code, "name": name},
        "taken_at": taken_at.isoformat(timespec="seconds"),
        "schema_revision": revision,
        "tools": {"pg_dump": program, "server_version": snapshot.server_version},
        "rows": counts,
        "files": present,
        "missing_files": missing,
        "entries": {entry.name: {"size": entry.size, "sha256": entry.sha256} for entry in target.entries},
    }
    _write_manifest(target, manifest)
    note(steps, steps, MANIFEST)
    return manifest


def _write_table(target: Target, snapshot: Snapshot, table: str) -> int:
    """Write a table twice from the same instant; return its rows."""
    name = sql.Identifier("public", table)
    rows = -1  # the heading is no row
    copying = snapshot.connection.cursor
    with target.entry(f"csv/{table}.csv") as entry, copying() as cursor, cursor.copy(sql.SQL(CSV).format(name)) as out:
        for row in out:
            entry.write(bytes(row[:-1]) + b"\r\n")  # RFC 4180; a line break inside a cell stays as it is
            rows += 1
    json_lines = sql.SQL(JSON_LINES).format(name)
    with target.entry(f"jsonl/{table}.jsonl") as entry, copying() as cursor, cursor.copy(json_lines) as out:
        for row in out:
            entry.write(bytes(row))
    return rows


def _write_files(
    target: Target, snapshot: Snapshot, files: FileStore, hospital_id: UUID
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write the files under the names that people gave them; what the store has lost is named, not passed over."""
    if snapshot.connection.execute("SELECT to_regclass('public.files')").fetchone() == (None,):
        return [], []
    query = "SELECT id, sha256, name, media_type FROM files ORDER BY id"
    present, missing = [], []
    for file_id, digest, name, media_type in snapshot.connection.execute(query).fetchall():
        facts = {"id": str(file_id), "name": name, "media_type": media_type, "sha256": digest}
        if not files.has(hospital_id, digest):
            missing.append(facts)
            continue
        path = f"files/{file_id}/{safe_name(name)}"
        try:
            with target.entry(path) as entry:
                for piece in files.read(hospital_id, digest):
                    entry.write(piece)
        except NoObject:
            missing.append(facts)
            continue
        present.append({**facts, "path": path, "size": entry.size})
    return present, missing


def safe_name(name: str) -> str:
    """Return a file's name without what leads out of its folder or is no name on some system."""
    kept = "".join(sign if sign.isprintable() and sign not in '/\\:*?"<>|' else "_" for sign in name)
    head, dot, extension = kept.strip(" .").rpartition(".")
    if not dot:
        head, extension = kept.strip(" ."), ""
    shortened = head.encode()[: LONGEST_NAME - len(extension.encode()) - 1].decode(errors="ignore")
    return f"{shortened}{dot}{extension}" if shortened else f"file{dot}{extension}"


def _write_manifest(target: Target, manifest: dict[str, Any]) -> None:
    outer = {"manifest": manifest, "signature": signing.sign(manifest), "public_key": signing.public_key()}
    with target.entry(MANIFEST) as entry:
        entry.write(json.dumps(outer, ensure_ascii=False, indent=1).encode())
    lines = [f"{one.sha256}  {one.name}\n" for one in target.entries]
    with target.entry(CHECKSUMS) as entry:
        entry.write("".join(lines).encode())


def _readme(code: str, name: str, taken_at: str, major: int) -> str:
    return f"""{name} ({code})
Everything that this hospital has entered, as of {taken_at} (UTC). All of it is from one instant.

It holds medical records in clear. Keep it encrypted, and let only those see it who may see the records.

database.dump    the whole database, pg_dump custom format. Into an empty database of PostgreSQL {major} or newer
                 with the contrib extensions unaccent, pg_trgm and btree_gist:
                     createdb hospital
                     psql -d hospital -c "CREATE ROLE vien_app" -c "CREATE ROLE vien_patient"
                     pg_restore --no-owner --no-privileges --exit-on-error -d hospital database.dump
                 The two roles need not sign in; the policies that separate patients name them.
csv/             a file per table: UTF-8, RFC 4180, with a heading. An empty cell without quotes is NULL, "" an empty
                 text. The data are as they were entered: a cell may begin with = or +, which a spreadsheet takes for a
                 formula. Import the files as text.
jsonl/           the same, one JSON object a line; bytes as \\x and hexadecimal digits, times with their offset.
dictionary.json  tables and columns with types, keys and what they mean; dictionary.csv the same as a list.
files/           files under the names that people gave them, in a folder by their id in the table files.
manifest.json    rows per table, size and SHA-256 of everything, signed by the platform (Ed25519 over the compact JSON
                 of "manifest" with sorted names).
SHA256SUMS       for: sha256sum -c SHA256SUMS
"""
