"""Replication slots: what ours are called, and dropping one whoever reads from it."""

from __future__ import annotations

import time
from contextlib import suppress
from uuid import UUID

import psycopg

from app.tenancy.cluster import Cluster

PREFIX = "vien_mv_"
TRIES = 20
END_MILLISECONDS = 5_000


def name_of(operation_id: UUID) -> str:
    """Return what everything that belongs to an operation's replication is called."""
    return f"{PREFIX}{operation_id.hex}"


def drop_slot(cluster: Cluster, name: str) -> None:
    """Drop a slot, and end who reads from it; harmless where there is none. Raises ObjectInUse."""
    for last in (False,) * (TRIES - 1) + (True,):
        with cluster.connect() as connection:
            query = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s"
            row = connection.execute(query, (name,)).fetchone()
            if row is None:
                return
            if row[0] is not None:
                connection.execute("SELECT pg_terminate_backend(%s, %s)", (row[0], END_MILLISECONDS))
            with suppress(psycopg.errors.UndefinedObject, *() if last else (psycopg.errors.ObjectInUse,)):
                connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))
                return
        time.sleep(0.1)
