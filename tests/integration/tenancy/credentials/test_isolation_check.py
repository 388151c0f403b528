"""Every kind of hole that can be made between two hospitals is found, named, and gone again once it is closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.jobs.credentials import ask_for_isolation_check
from app.tenancy.credentials import attempts, isolation
from app.tenancy.credentials.findings import REMEDIES, WORDS, Finding, stored_findings
from app.tenancy.credentials.isolation import CHECK_ISOLATION, find_latest_check, list_checks
from app.tenancy.models import CheckState
from tests.support.platform import Platform

# One after the other in one process: the isolation check looks at the whole server.
pytestmark = pytest.mark.xdist_group("whole server")


@pytest.fixture
def checked(performed: Any, platform: Platform) -> Any:
    """`checked(full=True)`: the findings of a check, those about databases of other test processes left out."""

    def check(**arguments: Any) -> list[Finding]:
        result = performed(CHECK_ISOLATION, **arguments)
        with unit_of_work():
            newest = find_latest_check()
            assert newest is not None
            assert result["findings"] == newest.findings["count"]
            assert newest.state is (CheckState.FAILED if result["findings"] else CheckState.PASSED)
            return [
                finding
                for finding in stored_findings(newest.findings)
                if not platform.is_elsewhere(finding.object, finding.subject)
            ]

    return check


def test_a_platform_as_it_is_made_has_no_hole(context: Flask, performed: Any, checked: Any) -> None:
    assert [finding.words() for finding in checked(full=True)] == []
    with unit_of_work():
        row = list_checks().items[0]
    # Two hospitals and the web; each tried on its own database, on the two others, postgres, template1, the template.
    assert (row.state, row.roles, row.databases) == (CheckState.PASSED, 3, 3)
    assert row.attempts >= 3 * (1 + 2 + 3)


HOLES: dict[str, tuple[str, str, set[tuple[str, str, str]]]] = {
    "connect granted to another's role": (
        "GRANT CONNECT ON DATABASE {beta_db} TO {alpha}",
        "REVOKE CONNECT ON DATABASE {beta_db} FROM {alpha}",
        {("connect", "alpha", "beta"), ("connected", "alpha", "beta")},
    ),
    "membership in another's role": (
        "GRANT {beta} TO {alpha}",
        "REVOKE {beta} FROM {alpha}",
        {("member", "alpha", "beta"), ("connect", "alpha", "beta"), ("connected", "alpha", "beta")},
    ),
    "membership in the owner": (
        "GRANT vien_owner TO {alpha}",
        "REVOKE vien_owner FROM {alpha}",
        {("member", "alpha", "vien_owner"), ("connect", "alpha", "beta"), ("create", "alpha", "beta")},
    ),
    "a server-wide right to read": (
        "GRANT pg_read_all_data TO {alpha}",
        "REVOKE pg_read_all_data FROM {alpha}",
        {("member", "alpha", "pg_read_all_data")},
    ),
    "connect for everybody": (
        "GRANT CONNECT ON DATABASE {beta_db} TO PUBLIC",
        "REVOKE CONNECT ON DATABASE {beta_db} FROM PUBLIC",
        {("connect", "PUBLIC", "beta"), ("connected", "alpha", "beta")},
    ),
    "connect to the central database": (
        "GRANT CONNECT ON DATABASE {central_db} TO {alpha}",
        "REVOKE CONNECT ON DATABASE {central_db} FROM {alpha}",
        {("connect", "alpha", "central database"), ("connected", "alpha", "central database")},
    ),
    "the maintenance database for everybody": (
        "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
        "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
        {("connect", "PUBLIC", "postgres"), ("connected", "alpha", "postgres")},
    ),
    "superuser": (
        "ALTER ROLE {alpha} SUPERUSER",
        "ALTER ROLE {alpha} NOSUPERUSER",
        {("attribute", "alpha", "SUPERUSER"), ("connected", "alpha", "beta")},
    ),
    "may make roles": (
        "ALTER ROLE {alpha} CREATEROLE",
        "ALTER ROLE {alpha} NOCREATEROLE",
        {("attribute", "alpha", "CREATEROLE")},
    ),
    "may pass by row security": (
        "ALTER ROLE vien_app BYPASSRLS",
        "ALTER ROLE vien_app NOBYPASSRLS",
        {("attribute", "vien_app", "BYPASSRLS")},
    ),
    "temporary tables": (
        "GRANT TEMP ON DATABASE {alpha_db} TO {alpha}",
        "REVOKE TEMP ON DATABASE {alpha_db} FROM {alpha}",
        {("create", "alpha", "alpha")},
    ),
    "no limit to connections": (
        "ALTER ROLE {alpha} CONNECTION LIMIT -1",
        "ALTER ROLE {alpha} CONNECTION LIMIT 40",
        {("no_limit", "alpha", "")},
    ),
    "a stranger": (
        "CREATE ROLE vien_test_stranger LOGIN; GRANT CONNECT ON DATABASE {alpha_db} TO vien_test_stranger",
        "REVOKE CONNECT ON DATABASE {alpha_db} FROM vien_test_stranger; DROP ROLE vien_test_stranger",
        {("connect", "vien_test_stranger", "alpha")},
    ),
    "a role that does not sign in any more": (
        "ALTER ROLE {alpha} NOLOGIN",
        "ALTER ROLE {alpha} LOGIN",
        {("own_refused", "alpha", "")},
    ),
}


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_between_roles_and_databases_is_found(
    platform: Platform, context: Flask, alpha: str, beta: str, checked: Any, role_of: Any, hole: str
) -> None:
    opening, closing, expected = HOLES[hole]
    names = {
        "alpha": role_of(alpha),
        "beta": role_of(beta),
        "alpha_db": platform.databases[alpha],
        "beta_db": platform.databases[beta],
        "central_db": platform.central_name,
    }
    with planted(platform, None, opening.format(**names), closing.format(**names)):
        findings = checked(full=True)
    found = {(finding.kind, finding.subject, finding.object) for finding in findings}
    assert expected <= found, found
    assert checked(full=True) == [], "closed again"


INSIDE = {
    "schema": ("GRANT CREATE ON SCHEMA public TO vien_app", "REVOKE CREATE ON SCHEMA public FROM vien_app"),
    "default_privileges": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE vien_owner GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE vien_owner REVOKE SELECT ON TABLES FROM PUBLIC",
    ),
    "table": ("GRANT SELECT ON patients TO PUBLIC", "REVOKE SELECT ON patients FROM PUBLIC"),
    "definer": (
        "CREATE FUNCTION sneak() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "DROP FUNCTION sneak()",
    ),
}


@pytest.mark.parametrize("kind", INSIDE)
def test_a_hole_inside_a_database_is_found(
    platform: Platform, context: Flask, alpha: str, checked: Any, kind: str
) -> None:
    with planted(platform, alpha, *INSIDE[kind]):
        findings = checked()
    assert {finding.kind for finding in findings} == {kind}
    assert all(alpha in finding.words() for finding in findings)
    assert checked() == []


def test_a_role_that_was_replaced_may_reach_its_own_hospital_only(
    platform: Platform, context: Flask, alpha: str, beta: str, performed: Any, checked: Any, role_of: Any
) -> None:
    old = role_of(alpha)
    performed("hospital.rotate_credentials", alpha)
    assert checked(full=True) == []
    hole = f"ON DATABASE {platform.databases[beta]}"
    with planted(platform, None, f"GRANT CONNECT {hole} TO {old}", f"REVOKE CONNECT {hole} FROM {old}"):
        found = [(finding.kind, finding.subject, finding.object) for finding in checked()]
    assert found == [("connect", "alpha (replaced)", "beta")]


def test_a_sample_is_tried_by_default_and_everything_on_request(
    context: Flask, alpha: str, performed: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(attempts, "SAMPLE", 0)
    sample = performed(CHECK_ISOLATION)["attempts"]
    assert performed(CHECK_ISOLATION, full=True)["attempts"] == sample + 4  # alpha, beta, and the web on both


def test_a_server_that_is_away_is_a_finding_and_not_a_proof(context: Flask, checked: Any, monkeypatch: Any) -> None:
    import psycopg

    def away(_server: Any) -> list[Finding]:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(isolation, "check_server", away)
    assert [finding.kind for finding in checked()] == ["unreached"]


def test_every_kind_of_finding_has_words_and_a_remedy() -> None:
    assert WORDS.keys() == REMEDIES.keys()
    for kind in WORDS:
        finding = Finding(kind, "main", "alpha", "beta")
        assert "%" not in finding.words()
        assert finding.remedy()


def test_the_command_names_the_hospitals_and_leaves_with_5(
    platform: Platform, app: Flask, alpha: str, beta: str, role_of: Any
) -> None:
    result = run(app, "fleet", "check-isolation", "--json")
    assert holes(platform, result) == []
    assert result.exit_code == (5 if '"kind"' in result.stdout else 0)
    hole = f"ON DATABASE {platform.databases[beta]}"
    role = role_of(alpha)
    with planted(platform, None, f"GRANT CONNECT {hole} TO {role}", f"REVOKE CONNECT {hole} FROM {role}"):
        result = run(app, "fleet", "check-isolation", "--full", "--json")
    assert result.exit_code == 5
    rows = holes(platform, result)
    assert {row["kind"] for row in rows} == {"connect", "connected"}
    assert rows[0]["words"] == "The credentials of alpha may connect to the database “beta”."
    assert "Revoke CONNECT" in result.stderr


def holes(platform: Platform, result: Result) -> list[dict[str, str]]:
    """Return what the command has found, those about databases of other test processes left out."""
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return [row for row in rows if "kind" in row and not platform.is_elsewhere(row["object"], row["subject"])]


def test_the_schedule_asks_for_one_check_at_a_time(context: Flask) -> None:
    from app.tenancy.ledger.queries import list_operations

    ask_for_isolation_check()
    ask_for_isolation_check()
    with unit_of_work():
        assert [row.kind for row in list_operations().items] == [CHECK_ISOLATION]


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=list(words))


@contextmanager
def planted(platform: Platform, code: str | None, opening: str, closing: str) -> Iterator[None]:
    """Make a hole for a while, in the server or in one hospital's database."""
    with platform.admin(code) as connection:
        connection.execute(opening)
        try:
            yield
        finally:
            connection.execute(closing)
