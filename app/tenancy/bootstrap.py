"""An empty PostgreSQL server becomes a platform: roles, central database, register entries."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert

from app.core.ids import new_id
from app.core.permissions import list_permissions
from app.tenancy.cluster import Cluster
from app.tenancy.models import DatabaseCluster, PlatformPermission


@dataclass(frozen=True, slots=True)
class CentralPlace:
    """Where the central database is to be, and how the web signs in there."""

    database: str
    role: str
    password: str


def bootstrap(admin_url: str, place: CentralPlace, *, region: str = "vn") -> None:
    """Make or bring up to date everything that a platform needs before its first hospital.

    Safe to repeat: what is there is kept.
    """
    cluster = Cluster(admin_url)
    cluster.prepare()
    cluster.create_central(place.database, place.role, place.password)
    url = cluster.url_of(place.database)
    with cluster.engine(place.database) as engine, engine.begin() as connection:
        connection.execute(
            insert(DatabaseCluster).on_conflict_do_update(
                index_elements=["name"], set_={"host": url.host, "port": url.port or 5432}
            ),
            {
                "id": new_id(),
                "name": "main",
                "region": region,
                "host": url.host or "127.0.0.1",
                "port": url.port or 5432,
                "tls_mode": url.query.get("sslmode", "prefer"),
                "admin_credential": "env:DATABASE_ADMIN_URL",
                "capacity": 500,
            },
        )
        connection.execute(
            insert(PlatformPermission).on_conflict_do_nothing(),
            [{"code": entry.code} for entry in list_permissions("admin")],
        )
