"""What the database holds whatever the application asks: rights, triggers, constraints."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.formats.names import normalise_name, search_key
from app.core.ids import new_id
from app.domain.audit.operations import record_access, record_change
from app.tenancy.binding import tenancy
from app.tenancy.engines import connect
from tests.factories import make_patient
from tests.support.platform import ACTOR, Platform

DENIED = psycopg.errors.InsufficientPrivilege
LOGS = ["audit_log", "access_log"]


@pytest.fixture
def web(app: Flask) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the application has it: with alpha's own role."""
    with app.app_context():
        place = tenancy().registry.get_by_code("alpha").whereabouts
    assert place is not None
    with connect(place, 5) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def partitions(platform: Platform, app: Flask) -> list[str]:
    with platform.admin("alpha") as connection:
        found = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent IN ('audit_log'::regclass, 'access_log'::regclass)"
        )
        return [row[0] for row in found]


@pytest.fixture
def logged(bound: Any, alpha: str) -> None:
    """One row in each log."""
    with bound(alpha):
        patient = make_patient()
        record_change(ACTOR, "patient.register", subject_type="patient", subject_id=patient.id)
        record_access(ACTOR, "patient.show", subject_type="patient", subject_id=patient.id, patient_ids=[patient.id])


CHANGES = ["UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} ADD x int"]


@pytest.mark.parametrize("change", CHANGES)
def test_the_application_cannot_change_a_log_nor_any_part_of_it(
    web: Any, partitions: list[str], logged: None, change: str
) -> None:
    assert len(partitions) >= 8
    for table in [*LOGS, *partitions]:
        with pytest.raises(DENIED):
            web.execute(change.format(table))


def test_the_application_does_not_write_around_the_log_into_a_part_of_it(web: Any, partitions: list[str]) -> None:
    for part in partitions:
        with pytest.raises(DENIED):
            web.execute(f"INSERT INTO {part} DEFAULT VALUES")


@pytest.mark.parametrize("change", CHANGES[:3])
def test_the_triggers_refuse_even_the_owner(
    platform: Platform, partitions: list[str], logged: None, change: str
) -> None:
    with platform.admin("alpha") as connection:
        connection.execute("SET ROLE vien_owner")
        filled = [
            table
            for table in [*LOGS, *partitions]
            if change.startswith("TRUNCATE") or connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
        ]
        assert len(filled) >= 4
        for table in filled:
            with pytest.raises(psycopg.Error, match="append-only"):
                connection.execute(change.format(table))


@pytest.mark.parametrize(
    "attempt",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE EXTENSION IF NOT EXISTS dblink",
        "SET ROLE vien_owner",
        "SET ROLE vien_central_app",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = replica",
        "ALTER TABLE patients DISABLE TRIGGER ALL",
        "DELETE FROM patients",
        "DELETE FROM medical_records",
        "UPDATE hospital_info SET name = 'x'",
        "INSERT INTO hospital_info (hospital_id, code, name) VALUES (gen_random_uuid(), 'x', 'x')",
        "UPDATE alembic_version SET version_num = 'x'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT vien_make_log_partition('audit_log', 'x', 'DEFAULT')",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_the_application_has_no_right_that_it_does_not_need(web: Any, attempt: str) -> None:
    with pytest.raises(DENIED):
        web.execute(attempt)


def test_the_applications_limits_are_its_roles_and_need_nobody_to_set_them(web: Any) -> None:
    found = {
        name: web.execute(f"SHOW {name}").fetchone()[0]
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone")
    }
    assert found == {
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "1min",
        "timezone": "UTC",
    }


def test_a_hospitals_connections_are_limited(web: Any) -> None:
    limit = web.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user").fetchone()[0]
    assert 0 < limit <= 100


def test_names_on_the_server_do_not_tell_which_hospital_they_belong_to(platform: Platform, web: Any) -> None:
    names = [row[0] for row in web.execute("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles")]
    assert not [name for name in names if name.startswith("vh_") and ("alpha" in name or "beta" in name)]
    assert platform.databases["alpha"].startswith("vh_")


def test_the_centres_web_role_cannot_touch_its_log_nor_a_hospital(platform: Platform, app: Flask) -> None:
    url: str = app.extensions["settings"].database_url
    with psycopg.connect(url, autocommit=True) as central:
        for attempt in (
            "UPDATE platform_audit_log SET action = 'x'",
            "DELETE FROM platform_audit_log",
            "TRUNCATE platform_audit_log",
            "CREATE TABLE mine (id int)",
            "CREATE TEMP TABLE mine (id int)",
            "CREATE DATABASE mine",
            "CREATE ROLE mine",
            "DELETE FROM hospitals",
            "SET ROLE vien_central_owner",
            "SET ROLE vien_app",
        ):
            with pytest.raises(DENIED):
                central.execute(attempt)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(url, dbname=platform.databases["alpha"])


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE patients SET sex = 'x'", "sex"),
        ("UPDATE patients SET allergy_state = 'x'", "allergystate"),
        ("INSERT INTO hospital_info (only_row, hospital_id, code, name)"
         " VALUES (false, gen_random_uuid(), 'x', 'x')", "only_row"),
    ],
)  # fmt: skip
def test_a_value_outside_the_set_is_refused(platform: Platform, logged: None, statement: str, constraint: str) -> None:
    with platform.admin("alpha") as connection, pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        connection.execute(statement)


@pytest.mark.parametrize("code", ["Alpha", "a", "-x-", "x" * 41, "a b", "bệnh", "abc\n"])
def test_a_hospitals_code_is_a_slug_in_the_database_too(platform: Platform, app: Flask, code: str) -> None:
    with platform.admin() as connection, pytest.raises(psycopg.errors.CheckViolation, match="slug"):
        connection.execute("UPDATE hospitals SET code = %s WHERE code = 'alpha'", (code,))


LATIN = [letter for letter in map(chr, range(0x20, 0x180)) if unicodedata.category(letter) in ("Lu", "Ll")]
LATIN.remove("µ")  # the sign of a millionth part, Greek in truth
VIETNAMESE = [unicodedata.normalize(form, chr(code)) for form in ("NFC", "NFD") for code in range(0x1EA0, 0x1EFA)]
NAMES = st.text(st.sampled_from([*LATIN, *"ơƠưƯ‘’“”–— '-."]), max_size=12)
MARKED = st.lists(st.sampled_from(VIETNAMESE), max_size=12).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(NAMES, MARKED), min_size=1, max_size=40))
def test_the_database_and_the_application_search_names_alike(web: Any, names: list[str]) -> None:
    names = [normalise_name(name) for name in names]
    found = [row[0] for row in web.execute("SELECT vien_search_key(x) FROM unnest(%s::text[]) x", (names,))]
    assert found == [search_key(name) for name in names]


def test_patients_of_two_hospitals_may_have_the_same_id(bound: Any, alpha: str, beta: str) -> None:
    same = new_id()
    for code in (alpha, beta):
        with bound(code):
            assert make_patient(id=same).id == same
