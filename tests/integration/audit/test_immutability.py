"""Every way to alter the logs, tried as the application's group role and as a hospital's own login."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from psycopg import sql

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.domain.security.models import HospitalSecurityEvent
from app.jobs.partitions import MONTHS_AHEAD, ensure_log_partitions, ensure_platform_log_partitions
from app.tenancy.audit import record_platform_change
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.sealing.hospitals import seal_hospital, seal_platform
from tests.support.platform import ACTOR, Platform

Write = Callable[..., None]
LOGS = ("audit_log", "access_log", "log_seals", "log_retirements")
NAMED = (
    "(id, at, actor_kind, actor_name, action, subject_type, changes{more})"
    " VALUES (gen_random_uuid(), now(), 'staff', 'x', 'y', 'z', '{{}}'{values})"
)
LONG = f"INSERT INTO audit_log {NAMED}"

WAYS = [
    "UPDATE {log} SET {column} = {column}",
    "DELETE FROM {log}",
    "DELETE FROM {log} WHERE false",
    "TRUNCATE {log}",
    "TRUNCATE {log} CASCADE",
    "DROP TABLE {log}",
    "ALTER TABLE {log} DISABLE TRIGGER ALL",
    "ALTER TABLE {log} ADD COLUMN own text",
    "ALTER TABLE {log} RENAME TO other",
    "ALTER TABLE {log} OWNER TO CURRENT_USER",
    "DROP TRIGGER refuse_change ON {log}",
    "CREATE TRIGGER own BEFORE INSERT ON {log} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE own AS ON INSERT TO {log} DO INSTEAD NOTHING",
    "CREATE POLICY own ON {log} USING (false)",
    "LOCK TABLE {log} IN ACCESS EXCLUSIVE MODE",
    "COPY {log} FROM STDIN",
    "COMMENT ON TABLE {log} IS 'x'",
]
FURTHER = [
    "ALTER TABLE audit_log DETACH PARTITION {partition}",
    "MERGE INTO audit_log USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE",
    "INSERT INTO audit_log SELECT * FROM audit_log ON CONFLICT (id, at) DO UPDATE SET action = 'x'",
    "INSERT INTO log_seals SELECT * FROM log_seals",
    "INSERT INTO log_retirements VALUES ('audit_log', '2001-01-01', 0, 10, now(), 'x')",
    "INSERT INTO {partition} SELECT * FROM {partition}",
    "SET session_replication_role = replica",
    "SET ROLE vien_owner",
    "SET ROLE vien_sealer",
    "CREATE OR REPLACE FUNCTION vien_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE OR REPLACE FUNCTION vien_xid_offset() RETURNS bigint LANGUAGE sql AS 'SELECT 9::bigint'",
    "DROP FUNCTION vien_refuse_change() CASCADE",
    "DROP SCHEMA public CASCADE",
    "CREATE TABLE other ()",
    "CREATE TEMP TABLE audit_log ()",
    "SELECT vien_make_log_partition('audit_log', 'x', 'DEFAULT')",
    "SELECT vien_retire_log_month('audit_log', date_trunc('month', now())::date, 0, 'x')",
    "SELECT vien_retire_log_month('audit_log', (date_trunc('month', now()) - interval '9 years')::date, 1, 'x')",
    "SELECT vien_retire_log_month('patients', '2001-01-01', 10, 'x')",
    "SELECT vien_seal_log('patients', 10)",
    "UPDATE pg_trigger SET tgenabled = 'D'",
    LONG.format(more=", xid", values=", 1"),
    LONG.format(more=", recorded_at", values=", now()"),
    LONG.format(more=", xid", values=", DEFAULT").replace("DEFAULT", "7"),
]


@pytest.fixture(params=["vien_app", "vien_patient", "login"])
def intruder(request: pytest.FixtureRequest, app: Flask, alpha: str, platform: Platform, write: Write) -> Any:
    """A connection with the rights of the application: by a group role, or signed in as the hospital's login."""
    with app.app_context():
        write(alpha, 1)
        seal_hospital(alpha)
        place = tenancy().registry.get_by_code(alpha).whereabouts
    assert place is not None
    if request.param != "login":
        with platform.admin(alpha) as connection:
            connection.execute(f"SET ROLE {request.param}")
            yield connection
    else:
        with psycopg.connect(
            host=place.host, port=place.port, dbname=place.database, user=place.role, password=place.password,
            autocommit=True,
        ) as connection:  # fmt: skip
            yield connection


def refuse(connection: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(psycopg.Error, match=r".") as caught:
        if statement.startswith("COPY"):
            with connection.cursor().copy(statement) as copy:  # type: ignore[arg-type]
                copy.write("x")
        else:
            connection.execute(statement)  # type: ignore[arg-type]
            pytest.fail(f"allowed: {statement}")
    assert not isinstance(caught.value, psycopg.errors.SyntaxError), statement


def partitions(platform: Platform, code: str | None) -> list[str]:
    with platform.admin(code) as connection:
        rows = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY (%s::regclass[])",
            (["audit_log", "access_log"] if code else ["platform_audit_log"],),
        )
        return [row[0] for row in rows]


def content(platform: Platform) -> Any:
    with platform.admin("alpha") as connection:
        return [
            connection.execute(sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(log))).fetchall()
            for log in LOGS
        ]


def test_nothing_alters_a_log_a_partition_or_a_seal(intruder: Any, platform: Platform) -> None:
    before = content(platform)
    tried = 0
    signed_in_as_itself = intruder.execute("SELECT session_user = current_user").fetchone()[0]
    for log in (*LOGS, *partitions(platform, "alpha")):
        column = "log" if log in ("log_seals", "log_retirements") else "action"
        for way in WAYS:
            refuse(intruder, way.format(log=log, column=column))
            tried += 1
    partition = next(name for name in partitions(platform, "alpha") if name.startswith("audit_log_2"))
    for way in FURTHER:
        if way.startswith("SET ROLE") and not signed_in_as_itself:
            continue  # who signed in as the administrator may be anybody; the login below may not
        refuse(intruder, way.replace("{partition}", partition))
        tried += 1
    assert content(platform) == before
    assert tried > 250
    if intruder.execute("SELECT current_user").fetchone() != ("vien_patient",):
        intruder.execute(LONG.format(more="", values=""))  # and what the application does goes on


def test_triggers_stop_even_the_owner(app: Flask, alpha: str, platform: Platform, write: Write) -> None:
    with app.app_context():
        write(alpha, 1)
        seal_hospital(alpha)
    with platform.admin(alpha) as owner:
        owner.execute("SET ROLE vien_owner")
        for log in (*LOGS[:3], *partitions(platform, alpha)):
            empty = owner.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(log))).fetchone() == (0,)
            refuse(owner, f"TRUNCATE {log}")
            if not empty:
                refuse(owner, f"DELETE FROM {log}")
                refuse(owner, f"UPDATE {log} SET {'log = log' if log == 'log_seals' else 'action = action'}")


@pytest.mark.parametrize("code", ["alpha", None])
def test_every_partition_has_its_triggers(app: Flask, platform: Platform, code: str | None) -> None:
    with app.app_context():
        if code:
            with bind_hospital(code):
                ensure_log_partitions()
        else:
            ensure_platform_log_partitions()
    found = partitions(platform, code)
    assert len(found) >= (2 if code else 1) * (MONTHS_AHEAD + 2)
    with platform.admin(code) as connection:
        for partition in found:
            kinds = connection.execute(
                "SELECT array_agg(tgname::text ORDER BY tgname::text) FROM pg_trigger"
                " WHERE tgrelid = %s::regclass AND tgenabled = 'O'", (partition,)
            ).fetchone()  # fmt: skip
            assert kinds == (["refuse_change", "refuse_truncate"],), partition
            grants = connection.execute("SELECT relacl::text FROM pg_class WHERE oid = %s::regclass", (partition,))
            assert "app=" not in str(grants.fetchone()), partition


def test_a_row_outside_every_month_is_kept_and_raises_an_alarm(
    app: Flask, alpha: str, bound: Callable[[str], Any], write: Write
) -> None:
    with app.app_context():
        with bind_hospital(alpha):
            ensure_log_partitions()
            assert list_strays() == []
        with clock.frozen_at(datetime(2095, 5, 1, tzinfo=UTC)):
            write(alpha, 1)
        with bind_hospital(alpha):
            ensure_log_partitions()
            assert list_strays() == [{"logs": ["audit_log", "access_log"]}]


def list_strays() -> list[Any]:
    with unit_of_work() as session:
        query = sa.select(HospitalSecurityEvent.details).where(HospitalSecurityEvent.kind == "audit.stray_rows")
        return list(session.scalars(query))


def test_the_platforms_log_is_closed_to_its_application(app: Flask, platform: Platform) -> None:
    with app.app_context():
        with unit_of_work() as session:
            record_platform_change(session, ACTOR, "hospital.create", subject_type="hospital", subject_id=None)
        seal_platform()
    with platform.admin() as connection:
        connection.execute("SET ROLE vien_central_app")
        for log in ("platform_audit_log", "log_seals", "audit_heads", "audit_checks", *partitions(platform, None)):
            column = {"log_seals": "log", "audit_heads": "log", "audit_checks": "state"}.get(log, "action")
            for way in WAYS:
                if not (way.startswith("COPY") and log in ("audit_heads", "audit_checks")):
                    refuse(connection, way.format(log=log, column=column))


def test_the_database_says_when_and_in_which_transaction(alpha: str, bound: Callable[[str], Any], write: Write) -> None:
    with clock.frozen_at(datetime(2026, 11, 1, tzinfo=UTC)):
        write(alpha, 1)
    with bound(alpha), unit_of_work() as session:
        entry = session.scalars(sa.select(AuditEntry)).one()
        assert entry.at == datetime(2026, 11, 1, tzinfo=UTC)
        assert entry.recorded_at is not None
        assert abs(datetime.now(UTC) - entry.recorded_at) < timedelta(hours=1)
        assert entry.xid > 0
        assert (entry.basis, entry.address) == ("treating", "10.1.2.3")
