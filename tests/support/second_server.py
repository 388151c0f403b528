"""A second real PostgreSQL server beside the one that the tests run over: another cluster, other roles, other files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from app.core.embedded import Services, remove, start_services
from app.tenancy.cluster import Cluster
from app.tenancy.credentials.retirement import drop_login
from tests.support.platform import Platform

NAME = "second"
LEFT = "vh\\_%"


@contextmanager
def running() -> Iterator[Services]:
    """Run a server of the embedded programs; over given servers of an older version it is a newer one."""
    services = start_services(Path(tempfile.mkdtemp(prefix="vien-second-")), fast=True, with_valkey=False)
    try:
        yield services
    finally:
        services.stop()
        remove(services.var)


def forget(platform: Platform, cluster: Cluster) -> None:
    """Take the server out of the register, and everything away that a test has put there."""
    platform.reset()
    with platform.admin() as central:
        central.execute("DELETE FROM database_clusters WHERE name = %s", (NAME,))
    with cluster.connect() as connection:
        for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (LEFT,)).fetchall():
            drop_subscriptions(cluster, name)
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", (LEFT,)).fetchall()
    for (role,) in roles:
        drop_login(cluster, role)


def drop_subscriptions(cluster: Cluster, database: str) -> None:
    """Drop every subscription of a database without asking the server that it follows."""
    with cluster.connect(database) as inside:
        for (name,) in list_subscriptions(inside):
            inside.execute(f'ALTER SUBSCRIPTION "{name}" DISABLE')
            inside.execute(f'ALTER SUBSCRIPTION "{name}" SET (slot_name = NONE)')
            inside.execute(f'DROP SUBSCRIPTION "{name}"')


def list_subscriptions(connection: psycopg.Connection[Any]) -> list[tuple[str]]:
    """Return the subscriptions of the database that one is connected to."""
    return connection.execute(
        "SELECT subname::text FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
        " WHERE d.datname = current_database()"
    ).fetchall()
