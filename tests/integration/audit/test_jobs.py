"""The jobs that seal, check and retire: what is due is asked in the hospital, what is found is told on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.audit.retention import has_due_months
from app.domain.audit.sealing import has_unsealed_rows
from app.domain.security.models import HospitalSecurityEvent
from app.jobs.audit import retire_logs, seal_logs, seal_platform_log, verify_logs, verify_platform_log
from app.tenancy.binding import bind_hospital
from app.tenancy.models import AuditCheck, SecurityEvent


def test_sealing_is_due_until_it_is_done(app: Flask, alpha: str, write: Callable[..., None]) -> None:
    with app.app_context():
        write(alpha, 2)
        with bind_hospital(alpha), unit_of_work():
            assert has_unsealed_rows()
        seal_logs(alpha)
        with bind_hospital(alpha), unit_of_work():
            assert not has_unsealed_rows()
            assert not has_due_months()
            retire_logs()
        seal_platform_log()
        verify_platform_log()


def test_tampering_is_told_to_the_hospital_and_to_the_centre(
    app: Flask, alpha: str, write: Callable[..., None], tamper: Callable[..., Any]
) -> None:
    with app.app_context():
        write(alpha, 2)
        seal_logs(alpha)
        with tamper(alpha) as connection:
            connection.execute("UPDATE audit_log SET action = 'x'")
        verify_logs(alpha)
        with bind_hospital(alpha), unit_of_work() as session:
            own = session.scalars(sa.select(HospitalSecurityEvent)).one()
            assert (own.kind, own.risk.value, own.details) == ("audit.tampered", "critical", {"faults": {"altered": 2}})
        with unit_of_work() as session:
            query = sa.select(SecurityEvent.kind).where(SecurityEvent.kind == "audit.tampered")
            assert len(session.scalars(query).all()) == 1
            assert (
                session.scalars(sa.select(AuditCheck.state).where(AuditCheck.hospital_id.is_not(None))).one()
                == "tampered"
            )
