"""What killed work left on a server is found and dropped; what belongs to somebody never is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.cluster import allow_connect, create_login, database_exists, role_exists
from app.tenancy.credentials.errors import NotAnOrphan, WorkUnderWay
from app.tenancy.credentials.orphans import Orphan, drop_orphans, find_orphans
from app.tenancy.ledger.requests import cancel_operation, request_operation
from tests.support.platform import ACTOR, Platform

NAME = f"vh_{secrets.token_hex(8)}"


@pytest.fixture
def left_behind(platform: Platform, app: Flask) -> Iterator[str]:
    """A database and its role that no row knows."""
    with platform.cluster.connect() as connection:
        connection.execute(f'CREATE DATABASE "{NAME}" OWNER vien_owner TEMPLATE template0')
        connection.execute(f'REVOKE ALL ON DATABASE "{NAME}" FROM PUBLIC')
        create_login(connection, NAME, "x", member_of="vien_app", limit=1)
        allow_connect(connection, NAME, NAME)
        yield NAME
        connection.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
        connection.execute(f'DROP ROLE IF EXISTS "{NAME}"')


def ours(orphans: list[Orphan]) -> list[tuple[str, str]]:
    """Other test processes have their hospitals on this server too."""
    return [(orphan.kind, orphan.name) for orphan in orphans if orphan.name == NAME]


def test_what_belongs_to_a_hospital_is_no_orphan(
    platform: Platform, context: Flask, alpha: str, performed: Any, role_of: Any
) -> None:
    old = role_of(alpha)
    performed("hospital.rotate_credentials", alpha)
    names = {orphan.name for orphan in find_orphans()}
    assert not names & {old, role_of(alpha), *platform.databases.values()}


def test_an_orphaned_database_is_dropped_only_when_it_is_named(
    platform: Platform, context: Flask, left_behind: str
) -> None:
    found = [orphan for orphan in find_orphans() if orphan.name == left_behind]
    assert ours(found) == [("database", NAME), ("role", NAME)]
    assert found[1].opens == (NAME,)
    assert drop_orphans(ACTOR, found) == [], "a role that opens somebody's database stays"
    with pytest.raises(NotAnOrphan):
        drop_orphans(ACTOR, found, databases=frozenset({platform.databases["alpha"]}))
    assert len(drop_orphans(ACTOR, found, databases=frozenset({NAME}))) == 2
    with platform.cluster.connect() as connection:
        assert not database_exists(connection, NAME)
        assert not role_exists(connection, NAME)


def test_nothing_is_dropped_while_work_goes_on(context: Flask, alpha: str, left_behind: str) -> None:
    wanted = ask()
    found = [orphan for orphan in find_orphans() if orphan.name == left_behind]
    with pytest.raises(WorkUnderWay):
        drop_orphans(ACTOR, found, databases=frozenset({NAME}))
    with unit_of_work():
        cancel_operation(ACTOR, wanted)


def test_what_failed_work_speaks_of_is_its_own_until_it_is_given_up(context: Flask, left_behind: str) -> None:
    assert ours(find_orphans())
    ask(scratch=left_behind)
    assert ours(find_orphans()) == []


def test_the_command_lists_them_and_leaves_with_5(platform: Platform, app: Flask, left_behind: str) -> None:
    result = app.test_cli_runner().invoke(args=["fleet", "check-orphans", "--json"])
    assert result.exit_code == 5
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["kind"] for row in rows if row["name"] == NAME} == {"database", "role"}
    refused = app.test_cli_runner().invoke(args=["fleet", "check-orphans", "--drop"], input="n\n")
    assert refused.exit_code == 2
    with platform.cluster.connect() as connection:
        assert database_exists(connection, NAME)


def ask(**arguments: Any) -> UUID:
    with unit_of_work():
        return request_operation(ACTOR, "fleet.check_isolation", arguments=arguments, wake=False).id
