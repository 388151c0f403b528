"""Two real servers, a hospital on the first, and hands that move it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.embedded import Services
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster
from app.tenancy.clusters import ServerFacts, add_cluster
from app.tenancy.ledger.performing import perform
from app.tenancy.models import Hospital, HospitalDatabase, Operation, OperationState
from app.tenancy.moving.moving import request_move
from app.tenancy.moving.slots import name_of
from tests.support import second_server
from tests.support.platform import ACTOR, Platform

Move = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Second:
    """The second server, and the application that knows how to administer it."""

    app: Flask
    services: Services

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.services.admin_database_url)


@pytest.fixture(scope="package")
def other_server() -> Iterator[Services]:
    """A second PostgreSQL server for all tests of moving."""
    with second_server.running() as services:
        yield services


@pytest.fixture
def second(app: Flask, platform: Platform, other_server: Services) -> Iterator[Second]:
    """The second server, registered; afterwards nothing of it is left."""
    other_server.revive()
    made = platform.make_app(cluster_admin_urls={second_server.NAME: other_server.admin_database_url})
    with made.app_context():
        add_cluster(ACTOR, ServerFacts(name=second_server.NAME, region="vn-south"))
    second = Second(made, other_server)
    yield second
    other_server.revive()
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()
    second_server.forget(platform, second.cluster)


@pytest.fixture
def gamma(second: Second, platform: Platform) -> str:
    """A further hospital on the first server, dropped after the test with everything that was made of it."""
    platform.create_hospital("gamma")
    return "gamma"


@pytest.fixture
def move(second: Second, gamma: str) -> Move:
    """`move("dump")`: move gamma to the second server, here and now."""

    def perform_here(method: str = "auto", cluster: str = second_server.NAME) -> dict[str, Any]:
        return perform(ask(gamma, method, cluster))

    return perform_here


def ask(code: str, method: str = "auto", cluster: str = second_server.NAME) -> UUID:
    """Ask for a move that nobody performs yet."""
    with unit_of_work():
        return request_move(ACTOR, code, cluster, method, wake=False).id


def home_of(code: str) -> tuple[str, str]:
    """Return the server and the database of a hospital."""
    with unit_of_work() as session:
        query = sa.select(HospitalDatabase).join(Hospital).where(Hospital.code == code)
        place = session.scalars(query).one()
        return place.cluster.name, place.database_name


def left_on(cluster: Cluster, database: str | None = None) -> dict[str, list[str]]:
    """Return what this process's moves have left on a server: slots, roles, publications, subscriptions.

    Another test process may be moving a hospital of its own on the same server.
    """
    queries = {
        "slots": "SELECT slot_name::text FROM pg_replication_slots WHERE slot_type = 'logical'"
        " AND (database = %(database)s OR slot_name = ANY (%(ours)s))",
        "roles": "SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(ours)s)",
        "subscriptions": "SELECT subname::text FROM pg_subscription WHERE subname = ANY (%(ours)s)",
    }
    with unit_of_work() as session:
        ours = [name_of(one) for one in session.scalars(sa.select(Operation.id))]
    values = {"database": database, "ours": ours}
    with cluster.connect() as connection:
        left = {name: [row[0] for row in connection.execute(query, values)] for name, query in queries.items()}
    if database is not None:
        with cluster.connect(database) as inside:
            left["publications"] = [row[0] for row in inside.execute("SELECT pubname::text FROM pg_publication")]
    return {name: found for name, found in left.items() if found}


def databases_on(cluster: Cluster) -> set[str]:
    """Return the names of the hospitals' databases and of their roles on a server."""
    with cluster.connect() as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT datname::text FROM pg_database WHERE datname LIKE 'vh\\_%'"
            " UNION SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'vh\\_%'"
        ).fetchall()
    return {row[0] for row in rows}


def state_of(platform: Platform, operation_id: UUID) -> OperationState:
    """Return how an operation stands."""
    with platform.admin() as central:
        row = central.execute("SELECT state FROM operations WHERE id = %s", (operation_id,)).fetchone()
    assert row is not None
    return OperationState(row[0])


def patients_in(cluster: Cluster, database: str) -> list[str]:
    """Return the names of all patients that a database has."""
    with cluster.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT full_name FROM patients ORDER BY id")]


def execute(connection: psycopg.Connection[Any], statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    return connection.execute(statement).fetchall()  # type: ignore[call-overload, no-any-return]
