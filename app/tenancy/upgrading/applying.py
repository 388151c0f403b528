"""Running the history in one hospital's database: one connection, as the owner, within limits, whole or not at all."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.pool import NullPool

from app.core.db import db
from app.tenancy.cluster import Cluster
from app.tenancy.errors import WrongDatabase
from app.tenancy.upgrading.scripts import own_scripts

CONNECT_SECONDS = 10
LONGEST_ERROR = 500
STATE: LiteralString = "SELECT hospital_id, version_num FROM hospital_info, alembic_version"
AS_PEOPLE: LiteralString = f"SET ROLE vien_app; {STATE}"
WAITED_TOO_LONG = {"55P03", "40P01"}  # lock_not_available, deadlock_detected: worth trying again


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a migration may wait for a lock and how long one statement may run.

    Whoever comes after it waits behind it for as long. It is shorter than PostgreSQL's `deadlock_timeout` of a second,
    so that it is the migration that gives way, and not somebody's request.
    """

    lock_timeout_ms: int = 500
    statement_timeout_ms: int = 600_000

    def options(self) -> str:
        """Return them with the owner's role for the connection's first packet: no round trip of their own."""
        return (
            f"-c role=vien_owner -c lock_timeout={self.lock_timeout_ms}"
            f" -c statement_timeout={self.statement_timeout_ms} -c idle_in_transaction_session_timeout=0"
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A hospital's database and what it is to become."""

    hospital_id: UUID
    code: str
    cluster: Cluster
    database: str
    revision: str


class Verdict(enum.StrEnum):
    """How a try ended. What was blocked is worth another try soon, what was away one later, what failed none."""

    DONE = "done"
    BLOCKED = "blocked"
    AWAY = "away"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try in one hospital."""

    hospital_id: UUID
    code: str
    verdict: Verdict
    began_at: str | None
    ended_at: str | None
    milliseconds: float
    error: str | None = None


class NotServed(RuntimeError):
    """After its migration a hospital does not answer those whom it should."""


class _Context(MigrationContext):
    """Alembic's context for a database whose revision was read already, together with whose it is."""

    def get_current_heads(self) -> tuple[str, ...]:
        current: str = self.opts["current"]
        return (current,)


def try_migration(target: Target, limits: Limits, dialect: Dialect) -> Outcome:
    """Bring a database to a revision and say how that went; never raises for what is wrong with this one database."""
    started = time.perf_counter()
    seen: dict[str, str] = {}
    verdict, error = Verdict.DONE, None
    try:
        migrate(target, limits, dialect, seen)
    except Exception as problem:
        verdict, error = _judge(problem), explain(problem)
    milliseconds = (time.perf_counter() - started) * 1_000
    return Outcome(
        target.hospital_id, target.code, verdict, seen.get("from"), seen.get("at"), round(milliseconds, 1), error
    )


def migrate(
    target: Target,
    limits: Limits,
    dialect: Dialect,
    seen: dict[str, str],
    watch: Callable[[sa.Engine], None] | None = None,
) -> None:
    """Run the steps that lead to a revision, each in a transaction with the note that it was done.

    `seen` is told from which revision it came and at which it is, also where this raises. `watch` gets the engine
    before anything is sent.
    """
    scripts = own_scripts()
    with connected(target, limits, dialect, watch) as connection:
        current = read_revision(connection, target)
        seen["from"] = seen["at"] = current
        steps = scripts.steps(current, target.revision)
        if not steps:
            return
        options = {
            "transaction_per_migration": True,
            "current": current,
            "fn": lambda *_facts: steps,
            "target_metadata": db.metadatas["hospital"],  # its names for constraints, as in the golden template
        }
        context = _Context(connection.dialect, connection, options)
        context.on_version_apply_callbacks = (lambda *, heads, **_facts: seen.update(at=next(iter(heads), "")),)
        scripts.operate(context)
        with context.begin_transaction():
            context.run_migrations()
        seen["at"] = target.revision
        _look_as_people(connection, target)


@contextmanager
def connected(
    target: Target, limits: Limits, dialect: Dialect, watch: Callable[[sa.Engine], None] | None = None
) -> Iterator[sa.Connection]:
    """Give a connection of the owner's; the dialect comes from elsewhere, so that nothing is asked of the server."""
    url = target.cluster.url_of(target.database)
    given = url.query.get("options", "")
    options = f"{given if isinstance(given, str) else ' '.join(given)} {limits.options()}".strip()

    def connect() -> Any:
        return psycopg.connect(
            url.render_as_string(hide_password=False),
            options=options,
            connect_timeout=CONNECT_SECONDS,
            application_name="vien-migrate",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )

    engine = sa.Engine(NullPool(connect), dialect, sa.make_url("postgresql+psycopg://"))
    if watch is not None:
        watch(engine)
    with engine.connect() as connection:
        yield connection


def read_revision(connection: sa.Connection, target: Target) -> str:
    """Return the revision a database is at; raises WrongDatabase where it is somebody else's."""
    with _at_once(connection) as driver:
        row = driver.execute(STATE).fetchone()
    if row is None or row[0] != target.hospital_id:
        raise WrongDatabase("the database says that it belongs to another hospital, or to none")
    revision: str = row[1]
    return revision


def _look_as_people(connection: sa.Connection, target: Target) -> None:
    """See that the role of portals and workers finds the hospital at its revision; no other connection is needed."""
    try:
        with _at_once(connection) as driver:
            answer = driver.execute(AS_PEOPLE)
            while answer.nextset():
                pass
            found = answer.fetchone()
    except psycopg.Error as error:
        raise NotServed(explain(error)) from error
    if found != (target.hospital_id, target.revision):
        raise NotServed(f"it says {found}")


@contextmanager
def _at_once(connection: sa.Connection) -> Iterator[psycopg.Connection[Any]]:
    """Give the driver's connection between two transactions, for one statement without the round trips of a third."""
    driver: Any = connection.connection.driver_connection
    driver.autocommit = True
    try:
        yield driver
    finally:
        if not driver.closed:
            driver.autocommit = False


def explain(error: BaseException) -> str:
    """Name an error for operators: the server's own words, without the statement."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    text = str(cause).strip() or type(cause).__name__
    named = text.splitlines()[0] if isinstance(cause, psycopg.Error) else f"{type(cause).__name__}: {text}"
    return named.splitlines()[0][:LONGEST_ERROR]


def _judge(error: BaseException) -> Verdict:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return Verdict.FAILED
    if cause.sqlstate in WAITED_TOO_LONG:
        return Verdict.BLOCKED
    gone = cause.sqlstate is None or (cause.sqlstate[:2] in ("08", "53", "57") and cause.sqlstate != "57014")
    return Verdict.AWAY if isinstance(cause, psycopg.OperationalError) and gone else Verdict.FAILED
