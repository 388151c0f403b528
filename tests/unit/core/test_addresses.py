"""Addresses of one server or of several, in the forms that SQLAlchemy and libpq share."""

from __future__ import annotations

import psycopg.conninfo
import pytest
import sqlalchemy as sa

from app.core.addresses import hosts_and_ports, place_of, spread_hosts, target_of

SEVERAL = "postgresql://u:p%40ss@db-a:5432,db-b:5433/central?target_session_attrs=read-write"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("db", ("db", "5432")),
        ("db:6000", ("db", "6000")),
        ("a,b", ("a,b", "5432,5432")),
        ("a:1, b:2", ("a,b", "1,2")),
        ("a:1,b", ("a,b", "1,5432")),
        ("2001:db8::1", ("2001:db8::1", "5432")),
        ("[2001:db8::1]:6000,[::1]", ("2001:db8::1,::1", "6000,5432")),
        ("/run/postgresql", ("/run/postgresql", "5432")),
    ],
)
def test_hosts_may_have_ports_of_their_own(host: str, expected: tuple[str, str]) -> None:
    assert hosts_and_ports(host, 5432) == expected


def test_an_address_with_one_host_stays_as_it_is() -> None:
    one = "postgresql://u:p@db:5432/central?sslmode=require"
    assert spread_hosts(one) == one


def test_an_address_with_several_hosts_is_understood_by_sqlalchemy_and_by_libpq() -> None:
    url = sa.make_url(spread_hosts(SEVERAL))
    assert (url.database, url.username, url.password) == ("central", "u", "p@ss")
    facts = psycopg.conninfo.conninfo_to_dict(url.render_as_string(hide_password=False))
    assert facts["host"] == "db-a,db-b"
    assert facts["port"] == "5432,5433"
    assert facts["target_session_attrs"] == "read-write"
    assert facts["password"] == "p@ss"


def test_spreading_twice_is_spreading_once() -> None:
    assert spread_hosts(spread_hosts(SEVERAL)) == spread_hosts(SEVERAL)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://u:p@db/x", ("db", 5432)),
        ("postgresql://u:p@db:6000/x", ("db", 6000)),
        ("postgresql://u:p@/x", ("127.0.0.1", 5432)),
        ("postgresql://u:p@/x?host=db&port=7", ("db", 7)),
        (SEVERAL, ("db-a:5432,db-b:5433", 5432)),
        ("postgresql://u:p@/x?host=a,b", ("a:5432,b:5432", 5432)),
        ("postgresql://u:p@/x?host=a,b&port=7", ("a:7,b:7", 7)),
    ],
)
def test_the_register_gets_hosts_with_their_ports(address: str, expected: tuple[str, int]) -> None:
    assert place_of(sa.make_url(spread_hosts(address))) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://u:p@db/x", "any"),
        ("postgresql://u:p@a,b/x", "read-write"),
        ("postgresql://u:p@a,b/x?target_session_attrs=primary", "primary"),
    ],
)
def test_of_several_servers_the_one_that_takes_writes_is_meant(address: str, expected: str) -> None:
    assert target_of(sa.make_url(spread_hosts(address))) == expected
