"""The golden template: a database at the newest revision with what every hospital starts with, to be copied."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_template
from app.tenancy.cluster import Cluster, revoke_public
from app.tenancy.provisioning import list_seeders, presets_digest
from app.tenancy.schema import head_revision

TEMPLATE_PREFIX = "vien_template_"


def template_name() -> str:
    """Return the name of the golden template: it changes with the schema and with what hospitals start with."""
    return f"{TEMPLATE_PREFIX}{head_revision('hospital')}_{presets_digest()}"


def ensure_template(cluster: Cluster) -> str:
    """Return the golden template's name on a server, building it when there is none; needs an application context."""
    name = template_name()
    with cluster.alone() as connection:
        if not is_template(connection, name):
            _build(cluster, connection, name)
    return name


def is_template(connection: psycopg.Connection[Any], database: str) -> bool:
    """Tell whether a database is a finished golden template; a half-made one is not marked yet."""
    row = connection.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", (database,)).fetchone()
    return row is not None and row[0]


def _build(cluster: Cluster, connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER vien_owner TEMPLATE template0").format(sql.Identifier(name)))
    revoke_public(connection, name)
    cluster.migrate(name, "hospital")
    with cluster.engine(name) as engine, bind_template(engine), unit_of_work():
        for seeder in list_seeders():
            seeder()
    with cluster.connect(name) as inside:
        inside.execute("VACUUM ANALYZE")  # every copy begins with statistics and without dead rows
    connection.execute(
        sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false").format(sql.Identifier(name))
    )
