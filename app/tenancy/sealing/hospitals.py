"""Sealing and checking the logs of one hospital, and of the platform itself; results are kept by the centre."""

from __future__ import annotations

import time
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import system_actor
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.models import AuditCheck, AuditState
from app.tenancy.sealing.canonical import CENTRAL_LOGS, HOSPITAL_LOGS, SealedLog
from app.tenancy.sealing.chain import Seal
from app.tenancy.sealing.findings import Report
from app.tenancy.sealing.heads import KnownHeads, carry_head
from app.tenancy.sealing.sealer import seal
from app.tenancy.sealing.verifying import verify_log
from app.tenancy.security_events import record_platform_security_event

log = get_logger(__name__)
ACTOR = system_actor("seals of the logs")

_SEAL = sa.text(
    "SELECT log, number, rows, last_xid, last_id, sealed_at, ''::bytea AS leaves, head FROM log_seals"
    " WHERE log = :log AND (:number < 0 OR number = :number) ORDER BY number DESC LIMIT 1"
)


def seal_hospital(code: str) -> tuple[int, bool]:
    """Seal a hospital's logs and carry the newest heads to the centre.

    Returns how many rows were sealed, and whether the heads go on from those that the centre knows.
    """
    hospital = tenancy().registry.get_by_code(code)
    engine = tenancy().engines.get(hospital)
    rows = seal(engine, HOSPITAL_LOGS)
    with engine.connect() as connection:
        carried = [_carry(connection, hospital.id, one) for one in HOSPITAL_LOGS]
    if not all(carried):
        _raise_alarm(hospital.id, {"heads": "differ"})
    return rows, all(carried)


def seal_platform() -> int:
    """Seal the platform's own log; its newest head goes into the process log, which is kept elsewhere."""
    rows = seal(db.engine, CENTRAL_LOGS)
    with db.engine.connect() as connection:
        for one in CENTRAL_LOGS:
            newest = _read_seal(connection, one, -1)
            if rows and newest is not None:
                log.info("platform log sealed", log=one.name, number=newest.number, head=newest.head.hex())
    return rows


def verify_hospital(code: str, *, keep: bool = True) -> Report:
    """Check every row of a hospital's logs against the seals, and the seals against the centre's heads.

    Raises UnknownHospital. With `keep` the result is written down, and what cannot be explained raises an alarm.
    """
    began, report = time.monotonic(), Report()
    hospital = tenancy().registry.get_by_code(code)
    heads = KnownHeads(hospital.id, report)
    with tenancy().engines.get(hospital).connect() as connection:
        for one in HOSPITAL_LOGS:
            verify_log(connection, one, report, heads.check)
            heads.check_end(one.name)
    report.seconds = time.monotonic() - began
    if keep:
        _keep(report, hospital.id)
    return report


def verify_platform(*, keep: bool = True) -> Report:
    """Check every row of the platform's log against its seals."""
    began, report = time.monotonic(), Report()
    with db.engine.connect() as connection:
        for one in CENTRAL_LOGS:
            verify_log(connection, one, report, lambda _seals: None)
    report.seconds = time.monotonic() - began
    if keep:
        _keep(report, None)
    return report


def find_last_check(hospital_id: UUID | None) -> AuditCheck | None:
    """Return the newest result for a hospital, or without one for the platform."""
    query = sa.select(AuditCheck).where(AuditCheck.hospital_id == hospital_id)
    return db.session.scalar(query.order_by(AuditCheck.checked_at.desc()).limit(1))


def _carry(connection: sa.Connection, hospital_id: UUID, one: SealedLog) -> bool:
    newest = _read_seal(connection, one, -1)
    if newest is None:
        return True

    def head_at(number: int) -> bytes | None:
        found = _read_seal(connection, one, number)
        return found.head if found else None

    return carry_head(hospital_id, newest, head_at)


def _read_seal(connection: sa.Connection, one: SealedLog, number: int) -> Seal | None:
    row = connection.execute(_SEAL, {"log": one.name, "number": number}).one_or_none()
    if row is None:
        return None
    return Seal(row.log, row.number, row.rows, row.last_xid, row.last_id, row.sealed_at, b"", bytes(row.head))


def _keep(report: Report, hospital_id: UUID | None) -> None:
    with unit_of_work() as session:
        session.add(
            AuditCheck(
                hospital_id=hospital_id,
                state=report.state.value,
                rows=report.rows,
                seals=report.seals,
                seconds=report.seconds,
                findings=report.facts(),
            )
        )
    if report.state is AuditState.TAMPERED:
        _raise_alarm(hospital_id, dict(report.counts))


def _raise_alarm(hospital_id: UUID | None, counts: dict[str, object]) -> None:
    log.error("a log differs from its seals", hospital=str(hospital_id) if hospital_id else "platform", **counts)
    with unit_of_work():
        record_platform_security_event(
            ACTOR, "audit.tampered", subject_type="log", hospital_id=hospital_id, details={"faults": counts}
        )
