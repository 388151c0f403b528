"""Credentials and their proof over two real servers, one of which may be away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.core.db import db
from app.core.embedded import Services
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster
from app.tenancy.clusters import ServerFacts, add_cluster
from app.tenancy.credentials.errors import SomeFailed
from app.tenancy.credentials.findings import stored_findings
from app.tenancy.credentials.isolation import CHECK_ISOLATION, find_latest_check
from app.tenancy.credentials.orphans import find_orphans
from app.tenancy.credentials.rotation import ROTATE_FLEET
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation, retry_operation
from app.tenancy.making import provision_hospital
from app.tenancy.provisioning import HospitalRequest, request_hospital
from tests.support import second_server
from tests.support.platform import ACTOR, Platform

pytestmark = pytest.mark.xdist_group("whole server")


@pytest.fixture(scope="module")
def other_server() -> Iterator[Services]:
    with second_server.running() as services:
        yield services


@pytest.fixture
def gamma(app: Flask, platform: Platform, other_server: Services) -> Iterator[str]:
    """A hospital on the second server, in the application that may administer both."""
    made = platform.make_app(cluster_admin_urls={second_server.NAME: other_server.admin_database_url})
    with made.app_context():
        add_cluster(ACTOR, ServerFacts(name=second_server.NAME, region="vn-south"))
        with unit_of_work():
            facts = {"name": "Bệnh viện Gamma", "display_name": "Gamma", "cluster": second_server.NAME}
            request_hospital(ACTOR, HospitalRequest(code="gamma", **facts))
        provision_hospital(ACTOR, "gamma")
        yield "gamma"
        other_server.revive()
        tenancy().engines.dispose()
        db.engine.dispose()
    second_server.forget(platform, Cluster(other_server.admin_database_url))


def test_both_servers_are_rotated_and_proven(
    gamma: str, alpha: str, other_server: Services, platform: Platform
) -> None:
    before = role_of(gamma)
    assert perform(ask(ROTATE_FLEET)) == {"rotated": 3}
    after = role_of(gamma)
    assert after != before
    assert (findings(platform), [orphan for orphan in find_orphans() if orphan.server == second_server.NAME]) == (
        [],
        [],
    )
    with Cluster(other_server.admin_database_url).connect() as connection:
        connection.execute(f'ALTER ROLE "{after}" CREATEDB')
    assert findings(platform) == [("attribute", second_server.NAME, gamma, "CREATEDB")]


def test_a_server_that_is_away_costs_its_own_hospitals_only(
    gamma: str, alpha: str, beta: str, other_server: Services, platform: Platform
) -> None:
    before = {code: role_of(code) for code in (alpha, beta, gamma)}
    wanted = ask(ROTATE_FLEET)
    other_server.postgres.stop()  # type: ignore[union-attr]
    with pytest.raises(SomeFailed) as failed:
        perform(wanted)
    assert set(failed.value.failed) == {gamma}
    assert {kind for kind, *_ in findings(platform)} == {"unreached"}
    other_server.revive()
    with unit_of_work():
        retry_operation(ACTOR, wanted, wake=False)
    assert perform(wanted) == {"rotated": 3}
    assert all(role_of(code) != role for code, role in before.items())


def test_a_server_that_asks_for_no_password_is_found(gamma: str, other_server: Services, platform: Platform) -> None:
    cluster = Cluster(other_server.admin_database_url)
    with cluster.connect() as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        rules, kept = Path(row[0]), Path(row[0]).read_text()
        rules.write_text(kept.replace("scram-sha-256", "trust"))
        try:
            connection.execute("SELECT pg_reload_conf()")
            expected = [("no_password", second_server.NAME, second_server.NAME, gamma)]
            wait_until(lambda: findings(platform) == expected)
        finally:
            rules.write_text(kept)
            connection.execute("SELECT pg_reload_conf()")
    wait_until(lambda: findings(platform) == [])


def wait_until(condition: Callable[[], bool]) -> None:
    """A server reads its rules anew a moment after it was told to."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.1)


def ask(kind: str, **arguments: Any) -> UUID:
    with unit_of_work():
        return request_operation(ACTOR, kind, arguments=arguments, wake=False).id


def findings(platform: Platform) -> list[tuple[str, str, str, str]]:
    """Return what a check finds, without databases of other test processes on the server that all of them use."""
    perform(ask(CHECK_ISOLATION, full=True))
    with unit_of_work():
        check = find_latest_check()
        assert check is not None
        return [
            (found.kind, found.server, found.subject, found.object)
            for found in stored_findings(check.findings)
            if found.server == second_server.NAME or not platform.is_elsewhere(found.object, found.subject)
        ]


def role_of(code: str) -> str:
    tenancy().registry.forget()
    place = tenancy().registry.get_by_code(code).whereabouts
    assert place is not None
    return place.role
