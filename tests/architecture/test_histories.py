"""The two database histories: one head each, and models that say what the migrations made."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from app.core.db import db
from app.tenancy.migrating import _is_ours
from app.tenancy.schema import alembic_config
from tests.support.platform import Platform

# Who measured or signed is shown beside a thing, never asked for.
NEVER_SEARCHED_BY = {"measured_by", "signed_by"}


@pytest.mark.parametrize("history", ["central", "hospital"])
def test_a_history_has_one_head(history: str) -> None:
    assert len(ScriptDirectory.from_config(alembic_config(history)).get_heads()) == 1


@pytest.mark.parametrize(("history", "key"), [("central", None), ("hospital", "hospital")])
def test_models_and_migrations_agree(app: Flask, platform: Platform, history: str, key: str | None) -> None:
    database = platform.central_name if key is None else platform.databases["alpha"]
    with platform.cluster.engine(database) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_ours, "compare_type": True})
        assert compare_metadata(context, db.metadatas[key]) == []


@pytest.mark.parametrize("key", [None, "hospital"])
def test_every_foreign_key_has_an_index_that_begins_with_it(key: str | None) -> None:
    missing = []
    for table in db.metadatas[key].tables.values():
        firsts = {next(iter(index.columns)).name for index in table.indexes if len(index.columns)}
        firsts |= {
            next(iter(constraint.columns)).name
            for constraint in table.constraints
            if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint) and len(constraint.columns)
        }
        missing += [
            f"{table.name}.{column.name}"
            for column in table.columns
            if column.foreign_keys and column.name not in firsts
        ]
    assert [name for name in missing if name.split(".")[1] not in NEVER_SEARCHED_BY] == []


def test_every_time_is_stored_with_its_zone() -> None:
    for metadata in db.metadatas.values():
        for table in metadata.tables.values():
            for column in table.columns:
                assert not isinstance(column.type, sa.DateTime) or column.type.timezone, f"{table.name}.{column.name}"
