"""A platform of its own for each test process: central database, two hospitals, and the way back to empty."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import psycopg
import sqlalchemy as sa
from flask import Flask

from app import create_app
from app.cli.installation import Installation
from app.cli.prepare import make_platform, settings_of
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.queue import redis_connection
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.making import provision_hospital
from app.tenancy.models import Hospital, HospitalDatabase
from app.tenancy.provisioning import HospitalRequest, request_hospital
from app.web.security import limiter
from tests.support.client import CheckingClient
from tests.support.servers import Servers
from tests.support.signing_in import take_the_proven

CODES = ("alpha", "beta")
ACTOR = Actor(ActorKind.SYSTEM, None, "tests")
KEPT = {
    "hospital": {
        "alembic_version", "alert_rules", "consent_purposes", "consent_texts", "departments", "hospital_info",
        "lab_analytes", "lab_panel_tests", "lab_panels", "lab_reference_ranges", "lab_tests", "medicines",
        "permissions", "reminder_rules", "retention_rules", "role_field_rules",
        "role_permissions", "roles", "services", "settings",
    },
    "central": {
        "alembic_version", "alert_rules", "database_clusters", "hospital_databases", "hospitals",
        "platform_permissions",
    },
}  # fmt: skip
# Tests run at any time of the day; those of quiet hours freeze the clock and set their own.
WITHOUT_QUIET_HOURS = """
INSERT INTO settings (key, value) VALUES ('reminders', '{"quiet_from": "", "quiet_until": ""}') ON CONFLICT DO NOTHING
"""
# A relay looks into every hospital and hands it settings; the scheduler has its figures counted.
VISITED = {"handed_down", "outbox_cursors", "report_refreshes"}
NAMING = """
SELECT database_name FROM hospital_databases UNION ALL SELECT database_name FROM retired_databases
UNION ALL SELECT database_name FROM restore_runs UNION ALL SELECT details::text FROM operation_steps
"""
TURNS = 5
TABLES = """
SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition AND NOT relname = ANY (%s)
"""


class Platform:
    """The application under test with its two hospitals."""

    def __init__(self, servers: Servers, worker: str) -> None:
        self.servers = servers
        self.var = Path(tempfile.mkdtemp(prefix=f"vien-{worker}-"))
        name = f"vien_test_{re.sub(r'[^a-z0-9]', '_', worker)}"
        self.installation = Installation(self.var, central_database=name, central_role=f"{name}_web")
        self.cluster = Cluster(servers.admin_url)
        with self.cluster.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.central_name = name
        self.redis_url = _own_redis(servers.redis_url, worker)
        make_platform(self.installation, servers.admin_url)
        self._made: WeakSet[Flask] = WeakSet()
        self._kept: dict[str, psycopg.Connection[Any]] = {}
        self.app = self.make_app()
        self.databases: dict[str, str] = {}
        for code in CODES:
            self.create_hospital(code)

    def environment(self, port: int = 8000) -> dict[str, str]:
        """Return the settings of a process of this platform."""
        return self.installation.environment(redis_url=self.redis_url, admin_url=self.servers.admin_url, port=port)

    def make_app(self, **changes: Any) -> Flask:
        """Return another application on the same platform, with some settings changed."""
        settings = settings_of(
            self.environment(),
            environment="test",
            log_level=os.environ.get("LOG_LEVEL", "ERROR"),
            **{"connect_timeout_seconds": 60, "pool_timeout_seconds": 60, **changes},
        )
        app = create_app(settings)
        app.test_client_class = CheckingClient
        take_the_proven(app)
        self._made.add(app)
        return app

    def create_hospital(self, code: str, **facts: Any) -> None:
        """Make a hospital as an operator's request would."""
        with self.app.app_context():
            with unit_of_work():
                named = {"name": f"Bệnh viện {code.title()}", "display_name": f"Bệnh viện {code.title()}", **facts}
                request_hospital(ACTOR, HospitalRequest(code=code, **named))
            provision_hospital(ACTOR, code)
            self.databases[code] = self.database_name(code)
        with self.admin(code) as connection:
            connection.execute(WITHOUT_QUIET_HOURS)

    def database_name(self, code: str) -> str:
        """Return the name of a hospital's database."""
        with self.app.app_context(), unit_of_work() as session:
            query = sa.select(HospitalDatabase.database_name).join(Hospital).where(Hospital.code == code)
            return session.scalars(query).one()

    def own_databases(self) -> set[str]:
        """Return the databases of the server that rows of this platform name: other test processes use it, too."""
        with self.admin() as central:
            texts = central.execute(NAMING).fetchall()
        named = set(re.findall(r"vh_[0-9a-z_]+", " ".join(str(row[0]) for row in texts)))
        with self.cluster.connect() as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_database")} & named

    def is_elsewhere(self, *names: str) -> bool:
        """Tell databases that other test processes make, which are open to everybody until they have been closed."""
        own = self.own_databases()
        return any(name.startswith("vt_") or (name.startswith("vh_") and name not in own) for name in names)

    @contextmanager
    def admin(self, code: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """Open an administrator's connection to a hospital's database, or to the central one."""
        with self.cluster.connect(self.databases[code] if code else self.central_name) as connection:
            yield connection

    def rows_of(self, code: str) -> dict[str, int]:
        """Return the tables of a hospital that tests fill and that are not empty, with their row counts."""
        with self.admin(code) as connection:
            return {
                table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # type: ignore[index]
                for table in _filled(connection, "hospital")
                if table not in VISITED
            }

    def reset(self) -> dict[str, list[str]]:
        """Empty every table that tests fill, drop further hospitals, remove files, forget what processes remember.

        Returns for each hospital which tables were not empty.
        """
        for folder in ("files", "backups"):
            shutil.rmtree(self.var / folder, ignore_errors=True)
        emptied = {}
        for code in CODES:
            filled = _empty(self._at(self.databases[code]), "hospital")
            emptied[code] = [table for table in filled if table not in VISITED]
        central = self._at(self.central_name)
        self._drop_replaced_logins(central)
        self._drop_further_hospitals(central)
        _empty(central, "central")
        central.execute("UPDATE hospitals SET status = 'active', status_reason = NULL, paused_at = NULL")
        self.databases = {code: self.databases[code] for code in CODES}
        with self.app.app_context():
            tenancy().registry.forget()
            limiter.reset()
            redis_connection().flushdb()  # a job left behind would be found by another test's worker
        return emptied

    def _at(self, database: str) -> psycopg.Connection[Any]:
        """Return an administrator's connection that is kept from one reset to the next: it knows the tables already."""
        kept = self._kept.pop(database, None)
        if kept is not None:
            with suppress(psycopg.OperationalError):
                kept.execute("SELECT 1")
                self._kept[database] = kept
                return kept
            kept.close()
        address = self.cluster.url_of(database).render_as_string(hide_password=False)
        made = psycopg.connect(address, autocommit=True, application_name="tests")
        self._kept[database] = made
        return made

    def close_connections(self) -> None:
        """Close every idle connection of every application that was made."""
        for app in list(self._made):
            with app.app_context():
                tenancy().engines.dispose()
                db.engine.dispose()

    def close(self) -> None:
        """Close every connection, and take the application's folder away."""
        self.close_connections()
        while self._kept:
            self._kept.popitem()[1].close()
        shutil.rmtree(self.var, ignore_errors=True)

    def _drop_replaced_logins(self, central: psycopg.Connection[Any]) -> None:
        for (role,) in central.execute("SELECT login_role FROM retired_logins").fetchall():
            drop_login(self.cluster, role)

    def _drop_further_hospitals(self, central: psycopg.Connection[Any]) -> None:
        further = central.execute(
            "SELECT h.id, d.database_name, d.login_role FROM hospitals h"
            " LEFT JOIN hospital_databases d ON d.hospital_id = h.id WHERE NOT h.code = ANY (%s)",
            (list(CODES),),
        ).fetchall()
        left = central.execute(
            "SELECT hospital_id, database_name, login_role FROM retired_databases WHERE dropped_at IS NULL"
        ).fetchall()
        if not further and not left:
            return
        _empty(central, "central")
        for table, column in (("hospital_databases", "hospital_id"), ("hospitals", "id")):
            central.execute(f"DELETE FROM {table} WHERE {column} = ANY (%s)", ([row[0] for row in further],))
        with self.app.app_context():
            tenancy().engines.dispose()
        with self.cluster.connect() as connection:
            for _, database, role in [*further, *left]:
                if database:
                    connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
                    connection.execute(f'DROP ROLE IF EXISTS "{role}"')


def _own_redis(url: str, worker: str) -> str:
    """Return the address of a Redis database in which no other test process counts."""
    number = int("".join(filter(str.isdigit, worker)) or 0) % 15 + 1
    return urlsplit(url)._replace(path=f"/{number}").geturl() if url.startswith("redis") else url


def _filled(connection: psycopg.Connection[Any], history: str) -> list[str]:
    tables = [row[0] for row in connection.execute(TABLES, (sorted(KEPT[history]),))]
    looks = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables]
    return [row[0] for row in connection.execute(" UNION ALL ".join(looks))]


def _empty(connection: psycopg.Connection[Any], history: str) -> list[str]:
    """Empty what tests fill, whatever refers to it; return which tables were not empty.

    A process of a browser test that goes on writing may hold rows in another order: who is chosen to give way begins
    again.
    """
    filled = _filled(connection, history)
    deletions = "; ".join(["SET LOCAL session_replication_role = replica", *(f'DELETE FROM "{one}"' for one in filled)])
    for turn in range(TURNS):
        try:
            with connection.transaction():
                connection.execute(deletions)
            break
        except psycopg.errors.DeadlockDetected:
            if turn == TURNS - 1:
                raise
    return filled
