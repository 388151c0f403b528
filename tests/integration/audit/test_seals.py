"""Seals over the logs of a hospital: what is altered, removed or added afterwards is found and named."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import AuditCheck, AuditState, SecurityEvent
from app.tenancy.sealing.canonical import CENTRAL_LOGS, HOSPITAL_LOGS, canonical_sql
from app.tenancy.sealing.findings import Fault
from app.tenancy.sealing.hospitals import (
    find_last_check,
    seal_hospital,
    seal_platform,
    verify_hospital,
    verify_platform,
)
from tests.support.platform import ACTOR, Platform

Write = Callable[..., None]
Tamper = Callable[..., Any]
VERSIONS = Path(__file__).resolve().parents[3] / "migrations"


@pytest.fixture(autouse=True)
def context(app: Flask) -> Any:
    with app.app_context():
        yield


def one_id(connection: psycopg.Connection[Any], log: str) -> tuple[str, str]:
    row = connection.execute(
        f"SELECT id::text, tableoid::regclass::text FROM {log} ORDER BY xid, id LIMIT 1"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize(
    ("history", "name", "logs"), [("hospital", "h008", HOSPITAL_LOGS), ("central", "c007", CENTRAL_LOGS)]
)
def test_the_migration_hashes_what_the_check_hashes(history: str, name: str, logs: Any) -> None:
    (found,) = (VERSIONS / history / "versions").glob(f"{name}_*.py")
    frozen = re.sub(r"\s+", " ", found.read_text())
    for log in logs:
        assert canonical_sql(log) in frozen


def test_what_is_untouched_is_good(alpha: str, write: Write) -> None:
    write(alpha, 5)
    assert seal_hospital(alpha) == (10, True)
    write(alpha, 2)
    assert seal_hospital(alpha) == (4, True)
    write(alpha, 1)
    report = verify_hospital(alpha)
    assert (report.state, report.rows, report.unsealed, report.seals) == (AuditState.GOOD, 14, 2, 4)
    with unit_of_work():
        kept = find_last_check(None)
        assert kept is None


@pytest.mark.parametrize("log", ["audit_log", "access_log"])
@pytest.mark.parametrize(
    "column", ["actor_name = 'Ai đó'", "actor_id = NULL", "at = at + interval '1 microsecond'", "address = NULL",
               "recorded_at = recorded_at - interval '1 day'", "basis = 'emergency'"]
)  # fmt: skip
def test_an_altered_row_is_named(alpha: str, write: Write, tamper: Tamper, log: str, column: str) -> None:
    write(alpha, 3)
    seal_hospital(alpha)
    with tamper(alpha) as connection:
        row_id, partition = one_id(connection, log)
        connection.execute(f"UPDATE {log} SET {column} WHERE id = %s", (row_id,))
    report = verify_hospital(alpha)
    assert report.state is AuditState.TAMPERED
    assert [(one.fault, one.log, one.id, one.partition) for one in report.named] == [
        (Fault.ALTERED, log, row_id, partition)
    ]
    with unit_of_work() as session:
        event = session.scalars(sa.select(SecurityEvent).where(SecurityEvent.kind == "audit.tampered")).one()
        assert (event.risk.value, event.details) == ("critical", {"faults": {"altered": 1}})
        check = session.scalars(sa.select(AuditCheck)).one()
        assert check.state == "tampered"
        assert check.findings["named"][0]["id"] == row_id


def test_a_removed_row_is_named_with_its_time_and_partition(alpha: str, write: Write, tamper: Tamper) -> None:
    write(alpha, 3)
    seal_hospital(alpha)
    with tamper(alpha) as connection:
        row_id, partition = one_id(connection, "access_log")
        at = connection.execute("DELETE FROM access_log WHERE id = %s RETURNING at", (row_id,)).fetchone()
    (found,) = verify_hospital(alpha).named
    assert (found.fault, found.id, found.at, found.partition) == (Fault.MISSING, row_id, at[0], partition)


def test_an_added_row_is_named_wherever_it_claims_to_stand(alpha: str, write: Write, tamper: Tamper) -> None:
    write(alpha, 3)
    seal_hospital(alpha)
    copy = (
        "INSERT INTO audit_log (id, at, actor_kind, actor_name, action, subject_type, changes, xid)"
        " VALUES (%s, now(), 'staff', 'x', 'y', 'z', '{}', %s)"
    )
    with tamper(alpha) as connection:
        first = connection.execute("SELECT min(xid) FROM audit_log").fetchone()[0]
        claimed = [first, 0, -7, 9_000_000_000_000]
        added = {str(new_id()): xid for xid in claimed}
        for row_id, xid in added.items():
            connection.execute(copy, (row_id, xid))
        row_id, _ = one_id(connection, "access_log")
        connection.execute("CREATE TEMP TABLE copied AS SELECT * FROM access_log WHERE id = %s", (row_id,))
        connection.execute("UPDATE copied SET at = at + interval '1 second'")
        connection.execute("INSERT INTO access_log SELECT * FROM copied")
    report = verify_hospital(alpha)
    assert {(one.fault, one.id) for one in report.named} == {(Fault.ADDED, one) for one in (*added, row_id)}


def test_a_rewritten_chain_is_found_by_the_centres_heads(alpha: str, write: Write, tamper: Tamper) -> None:
    write(alpha, 3)
    seal_hospital(alpha)
    with tamper(alpha) as connection:
        connection.execute("UPDATE audit_log SET actor_name = 'Ai đó'")
        connection.execute("DELETE FROM log_seals WHERE log = 'audit_log'")
        connection.execute("SELECT vien_seal_log('audit_log', 5000)")
    report = verify_hospital(alpha, keep=False)
    assert [(one.fault, one.log) for one in report.named] == [(Fault.HEAD, "audit_log")]
    write(alpha, 1)
    assert seal_hospital(alpha)[1] is False
    write(alpha, 1)
    assert seal_hospital(alpha)[1] is True, "the alarm is raised once"
    assert verify_hospital(alpha, keep=False).state is AuditState.TAMPERED, "and the check goes on saying it"


def test_seals_cut_off_altered_or_taken_out_are_found(alpha: str, write: Write, tamper: Tamper) -> None:
    for _ in range(3):
        write(alpha, 1)
        seal_hospital(alpha)
    with tamper(alpha) as connection:
        connection.execute("DELETE FROM log_seals WHERE log = 'audit_log' AND number = 3")
        connection.execute("DELETE FROM log_seals WHERE log = 'access_log' AND number = 2")
    report = verify_hospital(alpha, keep=False)
    assert {(one.fault, one.log, one.seal) for one in report.named if one.fault is not Fault.ADDED} == {
        (Fault.HEAD, "audit_log", 3), (Fault.HEAD, "access_log", 2), (Fault.SEAL, "access_log", 3),
    }  # fmt: skip


def test_a_long_transaction_holds_sealing_back_and_loses_nothing(alpha: str, write: Write, platform: Platform) -> None:
    write(alpha, 1)
    with platform.admin(alpha) as slow:
        slow.execute("BEGIN")
        slow.execute(
            "INSERT INTO audit_log (id, at, actor_kind, actor_name, action, subject_type, changes)"
            " VALUES (%s, now(), 'system', 'slow', 'x', 'y', '{}')", (new_id(),)
        )  # fmt: skip
        write(alpha, 2)
        assert seal_hospital(alpha)[0] == 2, "only what is older than the slow transaction"
        write(alpha, 1)
        slow.execute("COMMIT")
    assert seal_hospital(alpha)[0] == 7
    report = verify_hospital(alpha)
    assert (report.state, report.rows, report.unsealed) == (AuditState.GOOD, 9, 0)


def test_two_sealers_at_once_have_one_effect_and_stop_no_writer(alpha: str, write: Write, app: Flask) -> None:
    write(alpha, 20)
    counts: list[int] = []

    def run() -> None:
        with app.app_context():
            counts.append(seal_hospital(alpha)[0])

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    write(alpha, 5)
    for thread in threads:
        thread.join()
    seal_hospital(alpha)
    report = verify_hospital(alpha)
    assert (report.state, report.rows, report.unsealed) == (AuditState.GOOD, 50, 0)


def test_a_sealer_that_dies_half_way_leaves_nothing_behind(alpha: str, write: Write, platform: Platform) -> None:
    write(alpha, 4)
    with platform.admin(alpha) as dying:
        dying.execute("BEGIN")
        assert dying.execute("SELECT vien_seal_log('audit_log', 3)").fetchone()[0] == 3
        assert seal_hospital(alpha)[0] == 4, "the other log; the one that is being sealed waits for nobody"
        dying.execute("ROLLBACK")
    assert seal_hospital(alpha)[0] == 4
    assert verify_hospital(alpha).state is AuditState.GOOD


def test_numbers_of_transactions_that_come_from_another_server_go_on(
    alpha: str, write: Write, tamper: Tamper, platform: Platform
) -> None:
    write(alpha, 2)
    seal_hospital(alpha)
    with platform.admin(alpha) as connection:
        ahead = connection.execute("SELECT pg_current_xact_id()::text::bigint + 1000000").fetchone()[0]
    with tamper(alpha) as connection:  # as if these had been written where a million more had gone by
        for log in ("audit_log", "access_log"):
            connection.execute(f"UPDATE {log} SET xid = xid + 1000000")
        connection.execute("DELETE FROM log_seals")
        for log in ("audit_log", "access_log"):
            connection.execute("SELECT vien_continue_logs()")
            connection.execute("SELECT vien_seal_log(%s, 100)", (log,))
    with platform.admin() as central:
        central.execute("SET session_replication_role = replica")
        central.execute("DELETE FROM audit_heads")
    try:
        write(alpha, 3)
        assert seal_hospital(alpha) == (6, True)
        report = verify_hospital(alpha)
        assert (report.state, report.rows, report.unsealed) == (AuditState.GOOD, 10, 0)
        with platform.admin(alpha) as connection:
            assert connection.execute("SELECT max(xid) FROM audit_log").fetchone()[0] > ahead - 1000
    finally:
        with platform.admin(alpha) as connection:
            connection.execute(
                "CREATE OR REPLACE FUNCTION vien_xid_offset() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE"
                " AS 'SELECT 0::bigint'"
            )


def test_the_platforms_own_log_is_sealed_and_checked(app: Flask, platform: Platform, tamper: Tamper) -> None:
    from app.tenancy.audit import record_platform_change

    with unit_of_work() as session:
        record_platform_change(session, ACTOR, "hospital.create", subject_type="hospital", subject_id=None)
    assert seal_platform() >= 1
    assert verify_platform().state is AuditState.GOOD
    with tamper(None) as connection:
        row_id, _ = one_id(connection, "platform_audit_log")
        connection.execute("UPDATE platform_audit_log SET risk = 'x' WHERE id = %s", (row_id,))
    (found,) = verify_platform().named
    assert (found.fault, found.id) == (Fault.ALTERED, row_id)
