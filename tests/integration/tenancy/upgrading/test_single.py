"""One hospital goes up, or down where the way back is written, and the way back is exact."""

from __future__ import annotations

import subprocess
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask

from app.core.postgres_programs import find_program
from app.core.unit_of_work import unit_of_work
from app.tenancy.cluster import Cluster
from app.tenancy.errors import WrongDatabase
from app.tenancy.models import MigrationState
from app.tenancy.queries import get_hospital
from app.tenancy.schema import upgrade
from app.tenancy.upgrading.errors import MigrationFailed, NoWayDown, UnknownRevision
from app.tenancy.upgrading.quarantine import put_in_quarantine
from app.tenancy.upgrading.state import list_runs_of, verify_revisions
from tests.support.platform import ACTOR, Platform
from tests.support.revisions import IN_THE_WAY, MADE_FIRST, NEW, OLD, OUT_OF_THE_WAY

FAR = "h006"


def schema_of(cluster: Cluster, database: str) -> list[str]:
    """Return a database's schema as statements, without what every dump differs in."""
    with cluster.connect(database) as connection:
        program = find_program("pg_dump", connection.info.server_version // 10_000)
    url = cluster.url_of(database).render_as_string(hide_password=False)
    said = subprocess.run(
        [program, "--schema-only", "--schema=public", "--no-owner", url], capture_output=True, text=True, check=True
    )
    return sorted(line.rstrip(",") for line in said.stdout.splitlines() if not line.startswith(("\\", "--", "SET ")))


def test_there_and_back_again_is_the_same_schema(platform: Platform, context: Flask, bring: Any) -> None:
    platform.create_hospital("gamma")
    fresh = f"vt_{uuid4().hex[:12]}"
    new = schema_of(platform.cluster, platform.databases["gamma"])
    assert bring("gamma", FAR)["from"] == NEW
    with platform.cluster.connect() as connection:
        connection.execute(f'CREATE DATABASE "{fresh}" OWNER vien_owner TEMPLATE template0')
    try:
        with platform.cluster.engine(fresh) as engine, engine.connect() as connected:
            upgrade("hospital", connected, FAR)
        assert schema_of(platform.cluster, platform.databases["gamma"]) == schema_of(platform.cluster, fresh)
    finally:
        with platform.cluster.connect() as connection:
            connection.execute(f'DROP DATABASE "{fresh}" WITH (FORCE)')
    bring("gamma", NEW)
    assert schema_of(platform.cluster, platform.databases["gamma"]) == new
    with unit_of_work():
        rows = list_runs_of(get_hospital("gamma").id)
    assert [row.state for row in rows] == [MigrationState.SUCCEEDED, MigrationState.ROLLED_BACK]


def test_a_way_back_that_is_not_written_is_named_with_the_way_out(platform: Platform, bring: Any, further: Any) -> None:
    platform.create_hospital("gamma")
    newest = further("def upgrade(): op.add_column('patients', sa.Column('nickname', sa.Text()))")
    bring("gamma", newest)
    with pytest.raises(NoWayDown, match="h901") as refused:
        bring("gamma", OLD)
    assert "flask hospital restore" in str(refused.value.remedy)


def test_a_revision_that_nobody_knows_is_refused(context: Flask, bring: Any, alpha: str) -> None:
    with pytest.raises(UnknownRevision, match="h999"):
        bring(alpha, "h999")


def test_one_that_fails_is_as_before(platform: Platform, context: Flask, bring: Any, revisions: Any) -> None:
    platform.create_hospital("gamma")
    bring("gamma", OLD)
    with platform.admin("gamma") as connection:
        connection.execute(IN_THE_WAY)
    with pytest.raises(MigrationFailed, match=r"gamma.*already exists"):
        bring("gamma", NEW)
    assert revisions()["gamma"] == OLD
    with platform.admin("gamma") as connection:
        made = connection.execute("SELECT to_regclass(%s)", (MADE_FIRST,)).fetchone()
        assert made == (None,), "nothing is half done"
        connection.execute(OUT_OF_THE_WAY)
    with unit_of_work():
        put_in_quarantine(ACTOR, get_hospital("gamma").id, "a test")
    bring("gamma", NEW)
    with unit_of_work():
        assert get_hospital("gamma").quarantined_at is None, "what was mended is out of quarantine"


def test_a_database_of_somebody_else_is_not_touched(platform: Platform, context: Flask, bring: Any) -> None:
    platform.create_hospital("gamma")
    with platform.admin("gamma") as connection:
        connection.execute("UPDATE hospital_info SET hospital_id = %s", (uuid4(),))
    with pytest.raises(WrongDatabase):
        bring("gamma", OLD)
    with platform.admin("gamma") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (NEW,)


def test_asking_the_databases_corrects_the_register(platform: Platform, context: Flask, alpha: str, beta: str) -> None:
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET schema_revision = %s WHERE code = 'alpha'", (OLD,))
    with platform.cluster.connect() as connection, closed(connection, platform.databases[beta]):
        wrong, away = verify_revisions()
    assert wrong == {alpha: (OLD, NEW)}
    assert set(away) == {beta}
    with unit_of_work():
        assert get_hospital(alpha).schema_revision == NEW


class closed:  # noqa: N801
    """`with closed(connection, database):` nobody can connect to it."""

    def __init__(self, connection: psycopg.Connection[Any], database: str) -> None:
        self._connection, self._name = connection, database

    def __enter__(self) -> None:
        self._connection.execute(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS false')

    def __exit__(self, *_error: object) -> None:
        self._connection.execute(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS true')
