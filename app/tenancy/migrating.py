"""What both Alembic environments do: choose the connection, set the limits, run as the owner of the tables."""

from __future__ import annotations

import os
import re
from typing import Any

import sqlalchemy as sa
from alembic import context
from flask import current_app, has_app_context

from app.core.db import db
from app.tenancy.schema import LOCK_TIMEOUT, STATEMENT_TIMEOUT, History

PARTITION = re.compile(r"_(default|\d{4}_\d{2})$")
OWNER = {"central": "vien_central_owner", "hospital": "vien_owner"}


def run(history: History) -> None:
    """Run the migrations that Alembic's command asked for."""
    if context.is_offline_mode():
        raise SystemExit("Migrations are run against a database, not written out: they set roles and time limits.")
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(history, connection)
        return
    with _engine(history).connect() as own:
        _migrate(history, own)


def _migrate(history: History, connection: sa.Connection) -> None:
    connection.execute(sa.text(f"SET ROLE {OWNER[history]}"))
    connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(sa.text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    metadata = db.metadatas[None if history == "central" else "hospital"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        include_object=_is_ours,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(sa.text("RESET ROLE"))
        connection.execute(sa.text("RESET lock_timeout"))
        connection.execute(sa.text("RESET statement_timeout"))
        connection.commit()


def _is_ours(_entry: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """Leave the monthly partitions to the function that makes them."""
    return not (kind == "table" and reflected and PARTITION.search(name or ""))


def _engine(history: History) -> sa.Engine:
    """Return the engine for `flask db -d migrations/<history>`: the administrator's, for one named database."""
    if not has_app_context():
        raise SystemExit("Run migrations through `flask`, which knows the settings.")
    admin_url = current_app.extensions["settings"].database_admin_url
    if admin_url is None:
        raise SystemExit("Migrations need DATABASE_ADMIN_URL.")
    url = sa.make_url(admin_url).set(drivername="postgresql+psycopg")
    if history == "central":
        return sa.create_engine(url.set(database=sa.make_url(current_app.extensions["settings"].database_url).database))
    name = os.environ.get("HOSPITAL_DATABASE")
    if not name:
        raise SystemExit("Name the database in HOSPITAL_DATABASE; `flask fleet migrate` does all of them.")
    return sa.create_engine(url.set(database=name))
