"""What tests of the hospital's portal share: a clock that stands at ten, and a visit that has got as far as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import AppointmentStatus
from app.domain.laboratory.models import LabOrder, LabOrderItem
from app.web.security import limiter
from tests import factories
from tests.integration.hospital.laboratory_at_hand import HOME, test_id
from tests.integration.hospital.pages import fields_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture(autouse=True)
def ten_o_clock() -> Iterator[datetime]:
    """Hold the clock at ten in the morning of the present day, so that a visit in an hour is a visit of today."""
    moment = datetime.now(ZONE).replace(hour=10, minute=0, second=0, microsecond=0)
    with clock.frozen_at(moment):
        yield moment


@pytest.fixture(autouse=True)
def unhurried(app: Flask) -> None:
    """Forget how often this address has signed in: many tests share it."""
    with app.app_context():
        limiter.reset()


@pytest.fixture
def visit(bound: Callable[[str], Any], sign_in_staff: Callable[..., Any], alpha: str) -> Callable[..., Any]:
    """`visit(status)`: a signed-in doctor with a visit of theirs today; has doctor, patient_id, id and version."""

    def make(status: AppointmentStatus = AppointmentStatus.ARRIVED, **facts: Any) -> SimpleNamespace:
        doctor = sign_in_staff(alpha, "doctor")
        with bound(alpha):
            patient = factories.make_patient(**facts)
            made = factories.make_appointment(
                doctor_id=doctor.person["id"],
                patient_id=patient.id,
                status=status,
                arrived_at=clock.now() - timedelta(minutes=20) if status is AppointmentStatus.ARRIVED else None,
            )
            return SimpleNamespace(
                doctor=doctor, patient_id=patient.id, patient_name=patient.full_name, id=made.id, version=made.version
            )

    return make


@pytest.fixture
def consultation(visit: Callable[..., Any]) -> Callable[..., Any]:
    """`consultation()`: a visit whose consultation has begun; `.url` is its page."""

    def begin(**facts: Any) -> SimpleNamespace:
        begun = visit(**facts)
        page = "/h/alpha/hospital/today"
        response = begun.doctor.submit(f"/h/alpha/hospital/visits/{begun.id}/consultation", page=page)
        assert response.status_code == 303
        begun.url = response.headers["Location"]
        begun.record_id = begun.url.rsplit("/", 1)[1]
        return begun

    return begin


@pytest.fixture
def ordered(bound: Callable[[str], Any], alpha: str, visit: Callable[..., Any]) -> Callable[..., SimpleNamespace]:
    """`ordered("DGD")`: a visit whose doctor has ordered these tests by the page; `.item` is the first's id."""

    def make(*codes: str, **sent: Any) -> SimpleNamespace:
        seen = visit()
        with bound(alpha):
            ids = [str(test_id(code)) for code in codes]
        url = f"{HOME}/patients/{seen.patient_id}/lab-orders"
        page = seen.doctor.get(f"{url}/new")
        answer = seen.doctor.post(f"{url}?visit={seen.id}", data={**fields_of(page), "tests": ids, **sent})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        with bound(alpha):
            order = db.session.scalars(sa.select(LabOrder)).one()
            items = db.session.scalars(sa.select(LabOrderItem.id).order_by(LabOrderItem.id)).all()
            return SimpleNamespace(
                **vars(seen) | {"visit_id": seen.id}, order=order.id, code=order.code, item=items[0], items=items
            )

    return make
