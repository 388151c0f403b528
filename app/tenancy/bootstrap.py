"""An empty PostgreSQL server becomes a platform: roles, central database, register entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.addresses import place_of, target_of
from app.core.ids import new_id
from app.core.permissions import list_permissions
from app.tenancy.cluster import Cluster
from app.tenancy.models import (
    DatabaseCluster,
    OperatorRole,
    PlatformPermission,
    PlatformUser,
    PlatformUserPermission,
)


@dataclass(frozen=True, slots=True)
class CentralPlace:
    """Where the central database is to be, and how the web signs in there."""

    database: str
    role: str
    password: str


def bootstrap(
    admin_url: str,
    place: CentralPlace,
    *,
    presets: Mapping[OperatorRole, frozenset[str]],
    region: str = "vn",
    address_moves: bool = False,
) -> None:
    """Make or bring up to date everything that a platform needs before its first hospital.

    Safe to repeat: what is there is kept, an operator's own host and port of the server too, unless it is an
    installation whose server gets another port at each start (`address_moves`). Operators who are there already get
    the permissions of their role that this release is the first to have, and none that somebody took away.
    """
    cluster = Cluster(admin_url)
    cluster.prepare()
    cluster.create_central(place.database, place.role, place.password)
    with cluster.engine(place.database) as engine, engine.begin() as connection:
        _register_server(connection, cluster.url_of(place.database), region, address_moves=address_moves)
        _declare_permissions(connection, presets)


def _register_server(connection: sa.Connection, url: sa.URL, region: str, *, address_moves: bool) -> None:
    host, port = place_of(url)
    server = insert(DatabaseCluster).values(
        id=new_id(),
        name="main",
        region=region,
        host=host,
        port=port,
        target_session_attrs=target_of(url),
        tls_mode=url.query.get("sslmode", "prefer"),
        admin_credential="env:DATABASE_ADMIN_URL",
        capacity=500,
    )
    connection.execute(
        server.on_conflict_do_update(index_elements=["name"], set_={"host": host, "port": port})
        if address_moves
        else server.on_conflict_do_nothing(index_elements=["name"])
    )


def _declare_permissions(connection: sa.Connection, presets: Mapping[OperatorRole, frozenset[str]]) -> None:
    """Write the permissions that are new, and in the same transaction who has them by the preset of their role."""
    known = set(connection.scalars(sa.select(PlatformPermission.code)))
    new = {entry.code for entry in list_permissions("admin")} - known
    if not new:
        return
    connection.execute(insert(PlatformPermission).on_conflict_do_nothing(), [{"code": code} for code in sorted(new)])
    held = [
        {"user_id": user.id, "permission_code": code}
        for user in connection.execute(sa.select(PlatformUser.id, PlatformUser.role))
        for code in sorted(new & presets.get(user.role, frozenset()))
    ]
    if held:
        connection.execute(insert(PlatformUserPermission).on_conflict_do_nothing(), held)
