"""Migrations of hospitals only expand: old code serves a migrated hospital, and new code one that is not yet.

What takes something away says `contract = True` and comes a release after the code that no longer needs it.
"""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from app.tenancy.revisions import OLDEST_SERVED, is_served, number_of
from app.tenancy.upgrading.scripts import Scripts, list_revisions

NAME = r'"?(?P<table>\w+)"?'
CREATED = re.compile(rf"CREATE TABLE (?:IF NOT EXISTS )?{NAME}", re.IGNORECASE)
ALTERED = re.compile(rf"ALTER TABLE (?:ONLY |IF EXISTS )*{NAME}\s+(?P<act>.*)", re.IGNORECASE | re.DOTALL)
DROPPED = re.compile(rf"DROP TABLE (?:IF EXISTS )?{NAME}", re.IGNORECASE)
TAKES_AWAY = {
    "drops a column": re.compile(r"\bDROP COLUMN\b", re.IGNORECASE),
    "renames": re.compile(r"\bRENAME\b", re.IGNORECASE),
    "changes a type": re.compile(r"\bALTER COLUMN \S+ (SET DATA )?TYPE\b", re.IGNORECASE),
    "refuses empty values": re.compile(r"\bSET NOT NULL\b", re.IGNORECASE),
    "adds a column that must be filled": re.compile(
        r"\bADD (COLUMN )?(?=[^,]*\bNOT NULL\b)(?![^,]*\bDEFAULT\b)(?!CONSTRAINT)[^,]*", re.IGNORECASE
    ),
}


def statements_of(scripts: Scripts, name: str) -> list[str]:
    """Return what a revision would send, without a database."""
    written = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written})
    module: Any = scripts._scripts[name].module
    module.op = Operations(context)
    module.upgrade()
    return [statement.strip() for statement in written.getvalue().split(";\n")]


def faults_in(statements: list[str]) -> list[str]:
    """Name what old or new code could not bear."""
    created = {found.group("table") for one in statements if (found := CREATED.match(one))}
    faults = [f"drops {found.group('table')}" for one in statements if (found := DROPPED.match(one))]
    for one in statements:
        found = ALTERED.match(one)
        if found and found.group("table") not in created:
            table, act = found.group("table", "act")
            faults += [f"{what} of {table}" for what, pattern in TAKES_AWAY.items() if pattern.search(act)]
    return faults


def test_revisions_are_numbered_in_a_row() -> None:
    names = [one.name for one in list_revisions()]
    assert [number_of(name) for name in names] == list(range(1, len(names) + 1))
    assert all(one.title for one in list_revisions())
    assert OLDEST_SERVED in names
    assert is_served(names[-1])


def test_every_migration_of_hospitals_expands_or_says_that_it_contracts() -> None:
    scripts = Scripts()
    for revision in list_revisions()[1:]:
        faults = faults_in(statements_of(scripts, revision.name))
        assert revision.contract or faults == [], f"{revision.name} is not marked `contract = True` and {faults}"


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("ALTER TABLE patients DROP COLUMN phone", "drops a column of patients"),
        ("ALTER TABLE patients RENAME COLUMN phone TO tel", "renames of patients"),
        ("ALTER TABLE patients RENAME TO people", "renames of patients"),
        ("ALTER TABLE patients ALTER COLUMN phone SET NOT NULL", "refuses empty values of patients"),
        ("ALTER TABLE patients ALTER COLUMN phone TYPE INTEGER", "changes a type of patients"),
        ("ALTER TABLE patients ADD COLUMN nick TEXT NOT NULL", "adds a column that must be filled of patients"),
        ("ALTER TABLE patients ADD COLUMN nick TEXT DEFAULT '' NOT NULL", None),
        ("ALTER TABLE patients ADD COLUMN nick TEXT", None),
        ("ALTER TABLE patients ADD CONSTRAINT ck CHECK (nick IS NOT NULL) NOT VALID", None),
        ("DROP TABLE patients", "drops patients"),
        ("CREATE TABLE nicks (id INTEGER NOT NULL)", None),
    ],
)
def test_what_takes_away_is_recognised(statement: str, fault: str | None) -> None:
    assert faults_in([statement]) == ([fault] if fault else [])
