"""Upgrading 100 hospitals beside the same SQL by hand, and finding that a fleet of 500 has nothing to upgrade.

The revision that is measured stands in a folder of its own, after the newest real one. Both ways begin with the same
databases and go back to them by the same SQL.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy import schema
from app.tenancy.ledger.performing import perform
from app.tenancy.models import DatabaseCluster, Hospital, HospitalDatabase, HospitalStatus
from app.tenancy.upgrading import scripts
from app.tenancy.upgrading.planning import FleetRequest
from app.tenancy.upgrading.running import request_fleet_migration
from app.tenancy.upgrading.state import fleet_state
from bench.harness.platform import ACTOR, BenchPlatform
from bench.harness.results import Result, say

HOSPITALS, REGISTERED = 100, 500
PARALLEL = 4
ROUNDS = 5
TARGET = 2.5
MEASURED = "h900"
REVISION = '''"""Give patients a note and find it."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "{name}", "{before}", None, None


def upgrade() -> None:
    op.add_column("patients", sa.Column("bench_note", sa.Text(), nullable=True))
    op.create_index("ix_patients_bench_note", "patients", ["bench_note"])
'''
FORTH = (
    "SET ROLE vien_owner",
    "ALTER TABLE patients ADD COLUMN bench_note text",
    "CREATE INDEX ix_patients_bench_note ON patients (bench_note)",
    f"UPDATE alembic_version SET version_num = '{MEASURED}'",
)
BACK = (
    "SET ROLE vien_owner",
    "DROP INDEX ix_patients_bench_note",
    "ALTER TABLE patients DROP COLUMN bench_note",
    "UPDATE alembic_version SET version_num = '{before}'",
)


def measure_migrations(platform: BenchPlatform) -> Iterator[Result]:
    """Give `migrate_100` and `fleet_current`; the platform's other hospitals stay as they are."""
    yield measure_fleet(platform)
    yield measure_current(platform)


def measure_fleet(platform: BenchPlatform) -> Result:
    """Return the seconds that 100 hospitals take, canary and waves and ledger and all, and those of the bare SQL."""
    say(f"Upgrading {HOSPITALS} hospitals {ROUNDS} times, {PARALLEL} at the same time, beside the same SQL by hand")
    codes = [f"mig-{number:03}" for number in range(HOSPITALS)]
    databases = [platform.create_hospital(code).database for code in codes]
    before = schema.head_revision("hospital")
    back = [*BACK[:-1], BACK[-1].format(before=before)]
    rounds = []
    with _revision(before):
        for number in range(ROUNDS + 1):
            pair = []
            for way in (0, 1) if number % 2 else (1, 0):
                started = time.perf_counter()
                if way == 0:
                    _by_hand(platform, databases, FORTH)
                else:
                    _ours(platform, codes)
                pair.append((way, time.perf_counter() - started))
                _by_hand(platform, databases, back)
                _say_revision(platform, codes, before)
            rounds.append((dict(pair)[1], dict(pair)[0]))
    ordered = sorted(rounds[1:], key=lambda pair: pair[0] / pair[1])  # the first round warms the caches
    ours, bare = ordered[len(ordered) // 2]
    say(f"Ratios from {ordered[0][0] / ordered[0][1]:.2f} to {ordered[-1][0] / ordered[-1][1]:.2f}")
    return Result("migrate_100", ours, "s", bare, TARGET, at_most=True)


def measure_current(platform: BenchPlatform) -> Result:
    """Return the milliseconds of database time in which a fleet of 500 is found to be current, to one second."""
    say(f"Looking for work in {REGISTERED} hospitals that are current")
    with platform.app.app_context():
        _register(REGISTERED)
        spent = [0.0]
        with _timed(spent):
            with unit_of_work():
                assert fleet_state().hospitals >= REGISTERED
            result = _migrate(())
        assert result["migrated"] == 0, result
    return Result("fleet_current", spent[0] * 1_000, "ms", 1_000.0, 1.0, at_most=True)


@contextmanager
def _revision(before: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="vien-bench-") as folder:
        (Path(folder) / f"{MEASURED}_measured.py").write_text(REVISION.format(name=MEASURED, before=before))
        schema.further_versions["hospital"].append(Path(folder))
        _forget()
        try:
            yield
        finally:
            schema.further_versions["hospital"].clear()
            _forget()


def _forget() -> None:
    schema.head_revision.cache_clear()
    scripts.list_revisions.cache_clear()


def _ours(platform: BenchPlatform, codes: list[str]) -> None:
    with platform.app.app_context():
        result = _migrate(tuple(codes))
    assert result == {"to": MEASURED, "migrated": HOSPITALS}, result


def _migrate(only: tuple[str, ...]) -> dict[str, Any]:
    with unit_of_work():
        wanted = request_fleet_migration(ACTOR, FleetRequest(only=only, parallel=PARALLEL), wake=False).id
    return perform(wanted)


def _by_hand(platform: BenchPlatform, databases: list[str], statements: tuple[str, ...] | list[str]) -> None:
    def one(database: str) -> None:
        with psycopg.connect(platform.cluster.url_of(database).render_as_string(hide_password=False)) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(one, databases))


def _say_revision(platform: BenchPlatform, codes: list[str], revision: str) -> None:
    with platform.app.app_context(), unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code.in_(codes)).values(schema_revision=revision))


def _register(count: int) -> None:
    """Register hospitals that are current and have no database: nobody is to look there."""
    with unit_of_work() as session:
        cluster_id = session.scalars(sa.select(DatabaseCluster.id).limit(1)).one()
        ids = [new_id() for _ in range(count)]
        newest = schema.head_revision("hospital")
        session.execute(
            sa.insert(Hospital),
            [
                {
                    "id": one,
                    "code": f"far-{number:03}",
                    "name": f"Far {number}",
                    "display_name": f"Far {number}",
                    "status": HospitalStatus.ACTIVE,
                    "schema_revision": newest,
                }
                for number, one in enumerate(ids)
            ],
        )
        session.execute(
            sa.insert(HospitalDatabase),
            [
                {
                    "hospital_id": one,
                    "cluster_id": cluster_id,
                    "database_name": f"vh_far_{secrets.token_hex(6)}",
                    "login_role": f"vh_far_{secrets.token_hex(6)}",
                    "password_ciphertext": b"-",
                    "password_nonce": b"-",
                    "password_key_id": "-",
                    "rotated_at": clock.now(),
                }
                for one in ids
            ],
        )


@contextmanager
def _timed(spent: list[float]) -> Iterator[None]:
    """Add up how long the central database is waited for; nothing else is asked."""
    began: dict[int, float] = {}

    def begin(connection: sa.Connection, *_facts: Any) -> None:
        began[id(connection)] = time.perf_counter()

    def end(connection: sa.Connection, *_facts: Any) -> None:
        spent[0] += time.perf_counter() - began.pop(id(connection))

    sa.event.listen(db.engine, "before_cursor_execute", begin)
    sa.event.listen(db.engine, "after_cursor_execute", end)
    try:
        yield
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", begin)
        sa.event.remove(db.engine, "after_cursor_execute", end)
