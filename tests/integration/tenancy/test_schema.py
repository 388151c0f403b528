"""Migrations run within limits, once, and the golden template is whole or made anew."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from psycopg import sql

from app.core.ids import new_id
from app.tenancy import migrating, template
from app.tenancy.cluster import Cluster
from app.tenancy.schema import LOCK_TIMEOUT, STATEMENT_TIMEOUT, head_revision, upgrade
from app.tenancy.template import ensure_template, is_template, template_name
from tests.support.platform import Platform

# One after the other in one process: the isolation check looks at the whole server.
pytestmark = pytest.mark.xdist_group("whole server")


@pytest.fixture
def scratch(platform: Platform, app: Flask) -> Iterator[str]:
    """An empty database of the owner's."""
    name = f"vt_{new_id().hex}"
    with platform.cluster.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER vien_owner TEMPLATE template0')
        yield name
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def statements_of(engine: sa.Engine, settings: dict[str, Any] | None = None) -> list[str]:
    """Collect what an engine sends; and note the limits that are in force beside a statement on the history's table."""
    sent: list[str] = []

    def note(connection: sa.Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement.strip())
        if settings is not None and "alembic_version" in statement:
            for name in ("lock_timeout", "statement_timeout", "role"):
                found = connection.connection.driver_connection.execute(f"SHOW {name}").fetchone()  # type: ignore[union-attr]
                settings[name] = found[0]

    sa.event.listen(engine, "before_cursor_execute", note)
    return sent


def test_migrations_run_as_the_owner_within_the_limits_and_leave_no_trace_of_them(
    platform: Platform, scratch: str
) -> None:
    settings: dict[str, Any] = {}
    with platform.cluster.engine(scratch) as engine, engine.connect() as connection:
        statements_of(engine, settings)
        upgrade("hospital", connection)
        assert settings == {"lock_timeout": LOCK_TIMEOUT, "statement_timeout": STATEMENT_TIMEOUT, "role": "vien_owner"}
        assert connection.scalar(sa.text("SHOW lock_timeout")) == "0"
        assert connection.scalar(sa.text("SHOW role")) == "none"
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == head_revision("hospital")


def test_a_second_run_does_nothing(platform: Platform, scratch: str) -> None:
    platform.cluster.migrate(scratch, "hospital")
    with platform.cluster.engine(scratch) as engine, engine.connect() as connection:
        sent = statements_of(engine)
        upgrade("hospital", connection)
    verbs = {statement.split()[0].upper() for statement in sent}
    assert verbs <= {"SELECT", "SET", "RESET"}, verbs


def test_a_migration_does_not_wait_for_ever_for_a_lock(
    platform: Platform, scratch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", "50ms")
    platform.cluster.migrate(scratch, "hospital")
    with platform.cluster.connect(scratch) as holder, holder.transaction():
        holder.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            platform.cluster.migrate(scratch, "hospital")
    platform.cluster.migrate(scratch, "hospital")


def test_a_migration_that_takes_too_long_is_given_up_and_leaves_nothing(
    platform: Platform, scratch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migrating, "STATEMENT_TIMEOUT", "1ms")
        # A timeout that fires between two statements is reported by the next one, as a cancel by the user.
        with pytest.raises(sa.exc.OperationalError, match=r"canceling statement due to (statement timeout|user)"):
            platform.cluster.migrate(scratch, "hospital")
    with platform.cluster.connect(scratch) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert row is not None
        assert row[0] <= 1  # at most the history's own table
    platform.cluster.migrate(scratch, "hospital")


@pytest.fixture
def own_template(platform: Platform, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A golden template under a name that nobody else uses, inside an application context."""
    monkeypatch.setattr(template, "TEMPLATE_PREFIX", f"vt_{new_id().hex[-12:]}_")
    name = template_name()
    with app.app_context():
        yield name
    with platform.cluster.connect() as connection:
        if is_template(connection, name):
            connection.execute(sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def state_of(platform: Platform, name: str) -> tuple[int, bool, bool] | None:
    with platform.cluster.connect() as connection:
        return connection.execute(
            "SELECT oid, datistemplate, datallowconn FROM pg_database WHERE datname = %s", (name,)
        ).fetchone()


def test_a_template_that_is_whole_is_kept(platform: Platform, own_template: str) -> None:
    assert ensure_template(platform.cluster) == own_template
    made = state_of(platform, own_template)
    assert made is not None
    assert made[1:] == (True, False)
    ensure_template(platform.cluster)
    assert state_of(platform, own_template) == made


def test_a_template_that_was_left_half_made_is_made_anew(
    platform: Platform, own_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    def die(*_facts: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(Cluster, "migrate", die)
        with pytest.raises(KilledError):
            ensure_template(platform.cluster)
    half = state_of(platform, own_template)
    assert half is not None
    assert half[1:] == (False, True)
    ensure_template(platform.cluster)
    whole = state_of(platform, own_template)
    assert whole is not None
    assert whole[0] != half[0]
    assert whole[1:] == (True, False)


def test_two_that_want_the_template_at_once_make_one(platform: Platform, own_template: str) -> None:
    def make(_number: int) -> str:
        with platform.app.app_context():
            return ensure_template(Cluster(platform.servers.admin_url))

    with ThreadPoolExecutor(2) as pool:
        names = list(pool.map(make, range(2)))
    assert names == [own_template] * 2


def test_two_that_prepare_a_platform_at_once_make_one(platform: Platform, app: Flask) -> None:
    name = f"vt_{new_id().hex[-12:]}"

    def make(_number: int) -> None:
        cluster = Cluster(platform.servers.admin_url)
        cluster.prepare()
        cluster.create_central(name, f"{name}_web", "a-password")

    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(make, range(2)))
        with platform.cluster.connect(name) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
                head_revision("central"),
            )
    finally:
        with platform.cluster.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'DROP ROLE IF EXISTS "{name}_web"')
