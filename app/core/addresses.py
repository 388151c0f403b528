"""Addresses of PostgreSQL servers: one, or several of which libpq chooses (`a:5432,b:5433`).

SQLAlchemy, psycopg and PostgreSQL's own programs all understand what is written here.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import sqlalchemy as sa

DEFAULT_PORT = 5432


def hosts_and_ports(host: str, port: int) -> tuple[str, str]:
    """Return libpq's `host` and `port` for one name or several with commas, each with a port of its own or `port`."""
    found = [_host_and_port(one.strip(), port) for one in host.split(",")]
    return ",".join(name for name, _ in found), ",".join(str(number) for _, number in found)


def spread_hosts(url: str) -> str:
    """Return an address with several hosts in the one form that everybody reads: `?host=a,b&port=1,2`."""
    parts = urlsplit(url)
    login, _, places = parts.netloc.rpartition("@")
    if "," not in places:
        return url
    hosts, ports = hosts_and_ports(places, DEFAULT_PORT)
    query = urlencode([*parse_qsl(parts.query), ("host", hosts), ("port", ports)], safe=",")
    return urlunsplit(parts._replace(netloc=f"{login}@" if login else "", query=query))


def place_of(url: sa.URL) -> tuple[str, int]:
    """Return host and port as the register of servers writes them: several hosts with their ports, with commas."""
    if url.host is not None:
        return url.host, url.port or DEFAULT_PORT
    hosts, ports = (_words(url.query.get(name, "")) for name in ("host", "port"))
    if len(hosts) < 2:
        return (hosts or ["127.0.0.1"])[0], int((ports or [str(DEFAULT_PORT)])[0])
    ports = ports * len(hosts) if len(ports) == 1 else ports or [str(DEFAULT_PORT)] * len(hosts)
    return ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)), int(ports[0])


def target_of(url: sa.URL) -> str:
    """Return which of its servers an address means: the one that takes writes, where there are several."""
    named = url.query.get("target_session_attrs")
    return str(named) if named else "read-write" if "," in place_of(url)[0] else "any"


def _host_and_port(text: str, port: int) -> tuple[str, int]:
    if text.startswith("["):  # an IPv6 address with a port after it
        host, _, own = text[1:].partition("]")
        return host, int(own.lstrip(":") or port)
    if text.count(":") != 1:
        return text, port
    host, _, own = text.partition(":")
    return host, int(own or port)


def _words(value: str | tuple[str, ...]) -> list[str]:
    text = value if isinstance(value, str) else ",".join(value)
    return [word for word in text.split(",") if word]
