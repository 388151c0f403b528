"""One engine per hospital, in a cache with a bound.

All of them share the central engine's dialect and one cache of compiled statements: the caches, not the connections,
are what eats memory when there are many hospitals. An engine is never pointed at another database.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import LRUCache

from app.config import Settings
from app.core.db import db
from app.core.logging import get_logger
from app.tenancy.errors import WrongDatabase
from app.tenancy.registry import HospitalEntry, Whereabouts

log = get_logger(__name__)

COMPILED_STATEMENTS = 2_000
RETIRED = "retired"
IDENTITY_QUERY = "SELECT hospital_id, current_database(), current_user FROM hospital_info"


class EngineCache:
    """The engines of the most recently used hospitals."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engines: OrderedDict[tuple[UUID, Whereabouts], sa.Engine] = OrderedDict()
        self._compiled: Any = LRUCache(COMPILED_STATEMENTS)
        self._lock = threading.Lock()

    def get(self, hospital: HospitalEntry) -> sa.Engine:
        """Return the hospital's engine, making it when it is not among those kept."""
        if hospital.whereabouts is None:
            raise WrongDatabase(f"hospital {hospital.code} has no database yet")
        key = (hospital.id, hospital.whereabouts)
        with self._lock:
            engine = self._engines.get(key)
            if engine is None:
                engine = self._engines[key] = self._make(hospital.id, hospital.whereabouts)
            self._engines.move_to_end(key)
            evicted = self._evict()
        for old in evicted:
            _retire(old)
        return engine

    def dispose(self) -> None:
        """Close every idle connection and forget every engine."""
        with self._lock:
            engines, self._engines = list(self._engines.values()), OrderedDict()
        for engine in engines:
            _retire(engine)

    def __len__(self) -> int:
        return len(self._engines)

    def _evict(self) -> list[sa.Engine]:
        excess = len(self._engines) - self._settings.engine_cache_size
        return [self._engines.popitem(last=False)[1] for _ in range(max(0, excess))]

    def _make(self, hospital_id: UUID, place: Whereabouts) -> sa.Engine:
        pool = QueuePool(
            lambda: connect(place, self._settings.connect_timeout_seconds),  # type: ignore[arg-type]
            pool_size=self._settings.pool_size,
            max_overflow=self._settings.pool_overflow,
            timeout=self._settings.pool_timeout_seconds,
            recycle=1800,
        )
        engine = sa.Engine(pool, _shared_dialect(), sa.make_url("postgresql+psycopg://"), hide_parameters=True)
        engine.update_execution_options(compiled_cache=self._compiled)
        sa.event.listen(pool, "connect", _identity_check(hospital_id, place))
        sa.event.listen(pool, "checkin", _close_when_retired(engine))
        return engine


def _retire(engine: sa.Engine) -> None:
    """Close what is idle, and let what is in use be closed when it comes back: nobody would take it out again."""
    engine.update_execution_options(**{RETIRED: True})
    engine.dispose()


def _close_when_retired(engine: sa.Engine) -> Any:
    def close(_connection: Any, record: ConnectionPoolEntry) -> None:
        if engine.get_execution_options().get(RETIRED):
            record.close()

    return close


def connect(place: Whereabouts, timeout: int) -> psycopg.Connection[Any]:
    """Open a bare connection with a hospital's own role."""
    return psycopg.connect(
        host=place.host,
        port=place.port,
        dbname=place.database,
        user=place.role,
        password=place.password,
        sslmode=place.tls_mode,
        connect_timeout=timeout,
        application_name="vien",
        keepalives_idle=10,  # a server that vanished is noticed in seconds, not in the system's two hours
        keepalives_interval=5,
        keepalives_count=3,
    )


def _identity_check(hospital_id: UUID, place: Whereabouts) -> Any:
    expected = (hospital_id, place.database, place.role)

    def check(connection: psycopg.Connection[Any], _record: Any) -> None:
        try:
            found = connection.execute(IDENTITY_QUERY).fetchone()
            connection.rollback()
        except psycopg.ProgrammingError as error:
            connection.close()
            raise WrongDatabase(f"the database does not say whose it is: {type(error).__name__}") from error
        except psycopg.Error:
            connection.close()
            raise
        if found != expected:
            connection.close()
            log.critical("database belongs to somebody else", expected=str(expected), found=str(found))
            raise WrongDatabase(f"expected {expected}, the database says {found}")

    return check


def _shared_dialect() -> Any:
    engine = db.engine
    if getattr(engine.dialect, "server_version_info", None) is None:
        engine.connect().close()  # the first connection tells the dialect what server it speaks to
    return engine.dialect
