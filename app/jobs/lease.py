"""One holder at a time, without Redis: an advisory lock of the central database, held by an open transaction.

Being bound to a transaction and not to a session, it holds through PgBouncer's transaction pooling too. A holder that
hangs loses it when PostgreSQL ends the idle transaction.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core.db import db
from app.core.logging import get_logger

log = get_logger(__name__)


class Lease:
    """The right to be the only one that does something, for as long as `hold` says so."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        self._connection: sa.Connection | None = None

    @property
    def is_held(self) -> bool:
        """Tell whether the last `hold` had it."""
        return self._connection is not None

    def hold(self) -> bool:
        """Take the lease, or make sure that it is still ours; False when another has it or the database is away."""
        try:
            if self._connection is not None:
                self._connection.execute(sa.select(1))
                return True
            return self._take()
        except DBAPIError as error:
            log.warning("lease lost: central database away", lease=self.name, error=type(error.orig).__name__)
            self.release()
            return False

    def release(self) -> None:
        """Let another have it; harmless when it is not ours."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # whatever state it is in: the server lets the lock go with it
            connection.close()

    def _take(self) -> bool:
        connection = db.engine.connect()
        if connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(self._number))):
            self._connection = connection
            return True
        connection.close()
        return False
