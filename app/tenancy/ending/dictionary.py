"""The dictionary of a hospital's data: tables and columns as the database has them, explained as the models do."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import psycopg
import sqlalchemy as sa

from app.core.db import HospitalModel
from app.tenancy.ending.targets import Target

TABLES = """
SELECT c.oid, c.relname, obj_description(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname
"""
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
    EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey)),
    (SELECT f.relname || '.' || fa.attname FROM pg_constraint k
        JOIN pg_class f ON f.oid = k.confrelid JOIN pg_attribute fa ON fa.attrelid = f.oid AND fa.attnum = k.confkey[1]
        WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum] LIMIT 1)
FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
HEADING = ("table", "column", "type", "nullable", "primary_key", "references", "meaning")


def describe_tables(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return the tables of a hospital's database with their columns; partitioned ones once."""
    models = _models()
    return [
        {
            "name": name,
            "meaning": comment or _meaning(models.get(name)),
            "columns": [
                {
                    "name": column,
                    "type": kind,
                    "nullable": nullable,
                    "primary_key": primary,
                    "references": references,
                    "meaning": _meaning_of_column(models.get(name), column),
                }
                for column, kind, nullable, primary, references in connection.execute(COLUMNS, (oid,)).fetchall()
            ],
        }
        for oid, name, comment in connection.execute(TABLES).fetchall()
    ]


def write_dictionary(target: Target, tables: list[dict[str, Any]]) -> None:
    """Write the dictionary for programs and as a list for people."""
    with target.entry("dictionary.json") as entry:
        entry.write(json.dumps({"tables": tables}, ensure_ascii=False, indent=1).encode())
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(HEADING)
    for table in tables:
        for column in table["columns"]:
            facts = [column[name] for name in ("name", "type", "nullable", "primary_key", "references", "meaning")]
            rows.writerow([table["name"], *facts])
    with target.entry("dictionary.csv") as entry:
        entry.write(text.getvalue().encode())


def _models() -> dict[str, Any]:
    registry: Any = HospitalModel.registry
    return {
        mapper.local_table.name: mapper
        for mapper in registry.mappers
        if isinstance(mapper.local_table, sa.Table) and mapper.local_table.metadata.info.get("bind_key") == "hospital"
    }


def _meaning(mapper: Any) -> str:
    return " ".join((mapper.class_.__doc__ or "").split()) if mapper is not None else ""


def _meaning_of_column(mapper: Any, column: str) -> str:
    if mapper is None or column not in mapper.local_table.c:
        return ""
    known = mapper.local_table.c[column]
    return str(known.comment or known.doc or "")
