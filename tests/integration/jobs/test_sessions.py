"""Sessions that ended long ago are forgotten by jobs of the schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.identity import browsers
from app.domain.identity.browsers import KEPT_FOR
from app.domain.identity.models import PatientSession, StaffSession
from app.jobs import sessions
from app.tenancy.binding import bind_hospital
from app.tenancy.models import PlatformSession


def test_what_ended_months_ago_is_forgotten_lot_by_lot(
    app: Flask, sign_in_staff: Any, sign_in_patient: Any, sign_in_operator: Any, alpha: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sessions, "PRUNED_AT_ONCE", 1)
    monkeypatch.setattr(browsers, "PRUNED_AT_ONCE", 1)
    for _ in range(2):
        sign_in_staff(alpha)
        sign_in_patient(alpha)
    sign_in_operator()
    long_ago = clock.now() - KEPT_FOR - timedelta(days=1)
    with app.app_context():
        with bind_hospital(alpha):
            with unit_of_work() as session:
                session.execute(sa.update(StaffSession).values(ended_at=long_ago))
                session.execute(sa.update(PatientSession).values(ended_at=long_ago))
            sessions.forget_old_hospital_sessions()
            for model in (StaffSession, PatientSession):
                assert db.session.scalar(sa.select(sa.func.count(model.id))) == 0
        with unit_of_work() as session:
            session.execute(sa.update(PlatformSession).values(expires_at=long_ago))
        sessions.forget_old_operator_sessions()
        assert db.session.scalar(sa.select(sa.func.count(PlatformSession.id))) == 0
