"""Everything on database servers that is one hospital's, and dropping it for good."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.orm import Session

from app.tenancy.cluster import Cluster, database_exists
from app.tenancy.ending.archiving import close_role
from app.tenancy.models import DatabaseCluster, HospitalDatabase, RetiredDatabase, RetiredLogin
from app.tenancy.pausing import Home


def list_places(session: Session, hospital_id: UUID) -> list[dict[str, Any]]:
    """Return every database and role of a hospital, the retired ones included; a role alone has no database."""
    nothing = sa.null().label("database_name")
    queries = (
        sa.select(HospitalDatabase.cluster_id, HospitalDatabase.database_name, HospitalDatabase.login_role).where(
            HospitalDatabase.hospital_id == hospital_id
        ),
        sa.select(RetiredDatabase.cluster_id, RetiredDatabase.database_name, RetiredDatabase.login_role).where(
            RetiredDatabase.hospital_id == hospital_id, RetiredDatabase.dropped_at.is_(None)
        ),
        sa.select(RetiredLogin.cluster_id, nothing, RetiredLogin.login_role).where(
            RetiredLogin.hospital_id == hospital_id, RetiredLogin.dropped_at.is_(None)
        ),
    )
    servers = {row.id: row.name for row in session.execute(sa.select(DatabaseCluster.id, DatabaseCluster.name))}
    found = dict.fromkeys(tuple(row) for query in queries for row in session.execute(query))
    return [
        {"cluster": str(cluster), "server": servers[cluster], "database": database, "role": role}
        for cluster, database, role in found
    ]


def drop_place(cluster: Cluster, database: str, role: str) -> None:
    """Close a database, end what is connected, and drop it; harmless where it is gone."""
    with cluster.connect() as connection:
        if not database_exists(connection, database):
            return
        close_role(Home(cluster, database, role))
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
