"""Why a database server does not let an administrator do what was asked: each says the cause and what to do next.

They are errors of psycopg too, so that whoever waits for a server that is away need not know of them.
"""

from __future__ import annotations

import psycopg

from app.core.errors import Unavailable
from app.core.i18n import _l

REFUSALS = (
    "password authentication failed",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "no password supplied",
    "permission denied for database",
    "authentication failed",
)
FULL = ("too many connections", "too many clients", "remaining connection slots")


class ClusterError(Unavailable, psycopg.OperationalError):
    """An administrative connection or act on a server failed."""


class ClusterUnreachable(ClusterError):
    title = _l("A database server cannot be reached")

    def __init__(self, address: str) -> None:
        super().__init__(
            _l("The database server %(address)s cannot be reached.", address=address),
            remedy=_l(
                "See that it runs, and that host, port and firewall let this machine through. Nothing was changed."
            ),
        )


class ClusterRefuses(ClusterError):
    title = _l("A database server refuses the administrative address")

    def __init__(self, address: str, role: str) -> None:
        super().__init__(
            _l("The database server %(address)s refuses the role %(role)s.", address=address, role=role),
            remedy=_l(
                "Check role and password of the administrative address (DATABASE_ADMIN_URL, CLUSTER_ADMIN_URLS) and"
                " pg_hba.conf there. Nothing was changed."
            ),
        )


class ClusterLacksRights(ClusterError):
    title = _l("The administrative role may not make databases")

    def __init__(self, address: str, role: str) -> None:
        super().__init__(
            _l("The role %(role)s may not make databases and roles on %(address)s.", address=address, role=role),
            remedy=_l("As a superuser there: ALTER ROLE … CREATEDB CREATEROLE. Then try again."),
        )


class ClusterFull(ClusterError):
    title = _l("A database server takes no more")

    def __init__(self, address: str) -> None:
        super().__init__(
            _l("The database server %(address)s has no free connection.", address=address),
            remedy=_l("Wait a moment and try again; if it goes on, raise max_connections there."),
        )


class ClusterDiskFull(ClusterError):
    title = _l("The disk of a database server is full")

    def __init__(self, address: str) -> None:
        super().__init__(
            _l("The disk of the database server %(address)s is full.", address=address),
            remedy=_l("Free or add space there, then try again: the work goes on where it stopped."),
        )


def refusal_of(error: psycopg.OperationalError, address: str, role: str) -> ClusterError:
    """Say why a server did not take an administrator's connection.

    libpq hands over no code for it, only the server's words.
    """
    words = str(error)
    if any(phrase in words for phrase in REFUSALS) or ("role" in words and "does not exist" in words):
        return ClusterRefuses(address, role)
    if any(phrase in words for phrase in FULL):
        return ClusterFull(address)
    return ClusterUnreachable(address)
