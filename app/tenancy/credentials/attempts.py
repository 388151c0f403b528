"""Really trying to connect where nobody may: with each hospital's own role and password, to what is not its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psycopg

from app.core.addresses import hosts_and_ports
from app.tenancy.cluster import new_password
from app.tenancy.credentials.findings import Finding
from app.tenancy.credentials.places import CENTRE, Login, Server

AT_ONCE = 8
CONNECT_SECONDS = 5
SAMPLE = 3
MAINTENANCE = (
    "SELECT datname FROM pg_database WHERE datname IN ('postgres', 'template1') OR datname LIKE 'vien\\_template\\_%'"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one role's tries: how many, and what was found."""

    attempts: int
    findings: list[Finding]


def try_all(server: Server, *, full: bool) -> Iterator[Outcome]:
    """Try every role whose password is known against a sample of others' databases, or against all of them."""
    with server.cluster.connect() as connection:
        maintenance = [row[0] for row in connection.execute(MAINTENANCE).fetchall()]
    logins = [login for login in server.logins.values() if login.password is not None]
    yield from (_try_without_password(server, login) for login in logins[:1])
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="isolation") as pool:
        yield from pool.map(lambda login: _try(server, login, _targets(server, login, maintenance, full)), logins)


def _try_without_password(server: Server, login: Login) -> Outcome:
    """Being refused elsewhere proves little where the server asks nobody for a password."""
    opened = _opens(server, replace(login, password=new_password()), login.database)
    return Outcome(1, [Finding("no_password", server.name, server.name, login.code)] if opened else [])


def _targets(server: Server, login: Login, maintenance: list[str], full: bool) -> list[str]:
    others = [name for name, whose in server.databases.items() if name != login.database and whose != CENTRE]
    chosen = others if full else random.sample(others, min(SAMPLE, len(others)))
    central = [name for name, whose in server.databases.items() if whose == CENTRE and name != login.database]
    return [*chosen, *central, *maintenance]


def _try(server: Server, login: Login, targets: list[str]) -> Outcome:
    """Open one's own database first: where that fails, being refused elsewhere would prove nothing."""
    if not _opens(server, login, login.database):
        return Outcome(1, [Finding("own_refused", server.name, login.code, "")])
    opened = [name for name in targets if _opens(server, login, name)]
    findings = [Finding("connected", server.name, login.code, server.label(name)) for name in opened]
    return Outcome(len(targets) + 1, findings)


def _opens(server: Server, login: Login, database: str) -> bool:
    host, port = hosts_and_ports(server.host, server.port)
    try:
        psycopg.connect(
            host=host,
            port=port,
            dbname=database,
            user=login.role,
            password=login.password,
            sslmode=server.tls_mode,
            target_session_attrs=server.target,
            connect_timeout=CONNECT_SECONDS,
            application_name="vien-isolation",
        ).close()
    except psycopg.OperationalError:
        return False
    return True
