"""A fleet on paper: hospitals that exist in the register only, with checks and runs, to fill lists with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.fleet import newest_revision
from app.tenancy.models import HealthCheck, HealthStatus, Hospital, HospitalStatus, RunStatus, SyncRun
from app.web.security import limiter

Register = Callable[..., None]

FORM = {
    "code": "cho-moi",
    "name": "Bệnh viện Đa khoa Chợ Mới",
    "display_name": "Chợ Mới",
    "custom_domain": "",
    "region": "vn",
    "timezone": "Asia/Ho_Chi_Minh",
    "locale": "vi",
    "plan": "standard",
    "max_users": "100",
    "max_storage_gb": "50",
    "full_name": "Trần Thị Quản",
    "username": "quan.tri",
    "password": "mat-khau-dau-tien",
}


@pytest.fixture(autouse=True)
def fresh_limits(app: Flask) -> None:
    """Count tries at signing in anew: every test here signs somebody in."""
    with app.app_context():
        limiter.reset()


@pytest.fixture
def register(app: Flask) -> Register:
    """`register("huế", health=HealthStatus.DOWN)`: a hospital on paper, by default up and synced just now."""

    def make(
        code: str, *, health: HealthStatus | None = HealthStatus.UP, sync: RunStatus = RunStatus.SUCCEEDED, **facts: Any
    ) -> None:
        now = clock.now()
        with app.app_context(), unit_of_work() as session:
            hospital = Hospital(
                **{
                    "code": code,
                    "name": f"Bệnh viện {code}",
                    "display_name": f"Bệnh viện {code}",
                    "status": HospitalStatus.ACTIVE,
                    "schema_revision": newest_revision(),
                    **facts,
                }
            )
            session.add(hospital)
            session.flush()
            if health is not None:
                session.execute(sa.insert(HealthCheck), _check(hospital, health, now))
            session.add(
                SyncRun(
                    hospital_id=hospital.id,
                    kind="outbox",
                    status=sync,
                    started_at=now,
                    finished_at=now + timedelta(milliseconds=20),
                    from_position=0,
                    to_position=12,
                    events=12,
                    counts={"patients": 1_200, "appointments": 3_400},
                    error="the line was cut" if sync is RunStatus.FAILED else None,
                )
            )

    return make


def _check(hospital: Hospital, health: HealthStatus, now: Any) -> dict[str, Any]:
    down = health is HealthStatus.DOWN
    return {
        "id": new_id(),
        "hospital_id": hospital.id,
        "service": "database",
        "status": health,
        "response_ms": None if down else 8.0,
        # larger than a 32-bit integer holds
        "details": {"reason": "unreachable"} if down else {"size_bytes": 5_000_000_000, "connections": 2},
        "error": "connection refused" if down else None,
        "checked_at": now,
    }
