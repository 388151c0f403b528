"""One engine per hospital, in a cache with a bound, over connections with a budget.

All of them share the central engine's dialect and one cache of compiled statements: the caches, not the connections,
are what eats memory when there are many hospitals. An engine is never pointed at another database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from app.config import Settings
from app.core.addresses import hosts_and_ports
from app.core.budget import BudgetStatistics, ConnectionBudget, Share
from app.core.budget_pool import BudgetedPool
from app.core.db import db
from app.core.logging import get_logger
from app.core.segmented import SegmentedLru
from app.tenancy.errors import WrongDatabase
from app.tenancy.registry import HospitalEntry, Whereabouts

log = get_logger(__name__)

COMPILED_STATEMENTS = 2_000
RECYCLE_SECONDS = 1800
IDENTITY_QUERY = "SELECT hospital_id, current_database(), current_user FROM hospital_info"
READ_ONLY_SERVER = "25006"

PREPARE_AFTER = 5

# Of the budget: the connection that hears announcements, and what the central database is never refused.
LISTENING = 1
CENTRAL_RESERVED = 2


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """What metrics show of a process's connections: all of them, and how many engines are kept for hospitals."""

    connections: BudgetStatistics
    engines: int
    engines_made: int
    engines_evicted: int


@dataclass(slots=True)
class _Kept:
    engine: sa.Engine
    share: Share

    def protect(self, protected: bool) -> None:
        self.share.protected = protected


def make_budget(settings: Settings) -> ConnectionBudget:
    """Return the budget of a process."""
    return ConnectionBudget(settings.connection_budget - LISTENING, timeout=settings.pool_timeout_seconds)


def central_engine_options(settings: Settings, budget: ConnectionBudget) -> dict[str, Any]:
    """Return how the central database is connected to: within the same budget, and fit for a transaction pooler."""
    most = min(settings.pool_size + settings.pool_overflow, budget.limit - 1)
    return {
        "poolclass": BudgetedPool,
        "budget": budget,
        "share": budget.share(most, kept=settings.pool_size, reserved=CENTRAL_RESERVED),
        "connect_args": {
            "connect_timeout": settings.connect_timeout_seconds,
            "application_name": "vien",
            "prepare_threshold": None,
        },
        "hide_parameters": True,
    }


class EngineCache:
    """The engines of the most recently used hospitals."""

    def __init__(self, settings: Settings, budget: ConnectionBudget | None = None) -> None:
        self._settings = settings
        self._budget = budget or make_budget(settings)
        self._kept: SegmentedLru[tuple[UUID, Whereabouts], _Kept] = SegmentedLru(
            settings.engine_cache_size, _Kept.protect
        )
        self._compiled: Any = LRUCache(COMPILED_STATEMENTS)
        self._lock = threading.Lock()
        self._made = self._evicted = 0

    def get(self, hospital: HospitalEntry) -> sa.Engine:
        """Return the hospital's engine, making it when it is not among those kept."""
        if hospital.whereabouts is None:
            raise WrongDatabase(f"hospital {hospital.code} has no database yet")
        return self.get_at(hospital.id, hospital.whereabouts)

    def get_at(self, hospital_id: UUID, place: Whereabouts) -> sa.Engine:
        """Return the engine for one place of a hospital's database: the primary's or the replica's."""
        key = (hospital_id, place)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                return kept.engine
            made = self._make(hospital_id, place)
            gone = self._kept.put(key, made)
            self._made += 1
            self._evicted += len(gone)
        for old in gone:
            self._budget.retire(old.share)
        return made.engine

    def dispose(self) -> None:
        """Close every idle connection and forget every engine."""
        with self._lock:
            gone = self._kept.clear()
        for old in gone:
            self._budget.retire(old.share)

    def list_engines(self) -> list[sa.Engine]:
        """Return the engines that are kept."""
        with self._lock:
            return [kept.engine for kept in self._kept.values()]

    def statistics(self) -> EngineStatistics:
        """Return what metrics show; the central database's connections are among them."""
        return EngineStatistics(self._budget.statistics(), len(self._kept), self._made, self._evicted)

    def __len__(self) -> int:
        return len(self._kept)

    def _make(self, hospital_id: UUID, place: Whereabouts) -> _Kept:
        settings, budget = self._settings, self._budget
        # One hospital never has all: a connection at least is left to the others.
        most = max(1, min(settings.pool_size + settings.pool_overflow, budget.limit - CENTRAL_RESERVED - 1))
        share = budget.share(most, kept=settings.pool_size)
        dialect = _shared_dialect()
        pool = BudgetedPool(
            _opener(hospital_id, place, settings.connect_timeout_seconds),
            budget,
            share,
            recycle=RECYCLE_SECONDS,
            dialect=dialect,
        )
        engine = sa.Engine(pool, dialect, sa.make_url("postgresql+psycopg://"), hide_parameters=True)
        engine.update_execution_options(compiled_cache=self._compiled)
        sa.event.listen(engine, "handle_error", leave_read_only_server)
        return _Kept(engine, share)


def connect(place: Whereabouts, timeout: int) -> psycopg.Connection[Any]:
    """Open a bare connection with a hospital's own role, through the pooler where there is one.

    Nothing may be kept in the session then: the next transaction may be on another server connection. What is
    prepared would be such a thing.
    """
    host, port = hosts_and_ports(*(place.pooler or (place.host, place.port)))
    return psycopg.connect(
        host=host,
        port=port,
        dbname=place.database,
        user=place.role,
        password=place.password,
        sslmode=place.tls_mode,
        target_session_attrs=place.target_session_attrs,
        connect_timeout=timeout,
        application_name="vien",
        keepalives_idle=10,  # a server that vanished is noticed in seconds, not in the system's two hours
        keepalives_interval=5,
        keepalives_count=3,
        prepare_threshold=None if place.pooler else PREPARE_AFTER,
    )


def leave_read_only_server(context: sa.engine.ExceptionContext) -> None:
    """Take a server that has become a standby for one that is gone: the next connection finds the primary."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY_SERVER:
        context.is_disconnect = True


@sa.event.listens_for(sa.Engine, "handle_error")
def quote_no_row(context: sa.engine.ExceptionContext) -> None:
    """Keep of an error what was wrong, not with which values: what PostgreSQL adds quotes the row, and logs hold none.

    `error.orig.diag` still has it, for code that must know.
    """
    original = context.original_exception
    primary = original.diag.message_primary if isinstance(original, psycopg.Error) else None
    if primary is None:
        return
    said, original.args = str(original), (primary,)
    wrapped = context.sqlalchemy_exception
    if wrapped is not None:
        wrapped.args = tuple(part.replace(said, primary) if isinstance(part, str) else part for part in wrapped.args)


def _opener(hospital_id: UUID, place: Whereabouts, timeout: int) -> Callable[[], psycopg.Connection[Any]]:
    expected = (hospital_id, place.database, place.role)

    def open_checked() -> psycopg.Connection[Any]:
        connection = connect(place, timeout)
        try:
            _check_identity(connection, expected)
        except BaseException:
            connection.close()
            raise
        return connection

    return open_checked


def _check_identity(connection: psycopg.Connection[Any], expected: tuple[UUID, str, str]) -> None:
    try:
        found = connection.execute(IDENTITY_QUERY).fetchone()
        connection.rollback()
    except psycopg.ProgrammingError as error:
        raise WrongDatabase(f"the database does not say whose it is: {type(error).__name__}") from error
    if found != expected:
        log.critical("database belongs to somebody else", expected=str(expected), found=str(found))
        raise WrongDatabase(f"expected {expected}, the database says {found}")


def _shared_dialect() -> Any:
    engine = db.engine
    if getattr(engine.dialect, "server_version_info", None) is None:
        engine.connect().close()  # the first connection tells the dialect what server it speaks to
    return engine.dialect
