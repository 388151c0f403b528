"""What a pooler before a server must know: the roles that sign in through it, with their secrets of the server.

PgBouncer signs in to the server with the SCRAM secret alone, so that no password is written anywhere.
"""

from __future__ import annotations

import psycopg
import sqlalchemy as sa

from app.core.errors import Forbidden, NotFound
from app.core.i18n import _l
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.models import DatabaseCluster

# The roles of hospitals and of the web: members of a group that serves, with a password.
USERS = """
SELECT r.rolname, r.rolpassword FROM pg_authid r
WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolpassword LIKE 'SCRAM-SHA-256$%'
  AND NOT r.rolcreaterole
  AND (pg_has_role(r.oid, 'vien_app', 'MEMBER') OR pg_has_role(r.oid, 'vien_central_app', 'MEMBER'))
ORDER BY r.rolname
"""


class UnknownServer(NotFound):
    default_message = _l("No database server is registered under this name.")


class SecretsNotReadable(Forbidden):
    default_message = _l("The administrative role may not read the secrets of roles: only a superuser may.")
    remedy = _l("Let the pooler ask by itself (auth_query), or run this with a superuser's administrative address.")


def list_pooler_users(name: str) -> list[tuple[str, str]]:
    """Return the roles that sign in through a server's pooler with their SCRAM secrets, for its `auth_file`.

    Raises UnknownServer, SecretsNotReadable or NoAdministrativeAddress.
    """
    with unit_of_work() as session:
        row = session.scalar(sa.select(DatabaseCluster).where(DatabaseCluster.name == name))
        if row is None:
            raise UnknownServer
        cluster = administer(row)
    try:
        with cluster.connect() as connection:
            return [(role, secret) for role, secret in connection.execute(USERS)]
    except psycopg.errors.InsufficientPrivilege as error:
        raise SecretsNotReadable from error
