"""People whom one or two hospitals know, and visits to look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import Hospital, PatientIndexEntry
from app.web.security import limiter
from tests import factories
from tests.factories.people import department_id

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HERE = {"Origin": "http://localhost"}


def slot_in(days: int, hour: int = 9, minute: int = 0) -> datetime:
    """Return a time of day, some days from today, on the hospital's clocks."""
    return datetime.combine(clock.today(ZONE) + timedelta(days=days), time(hour, minute), tzinfo=ZONE)


@pytest.fixture(autouse=True)
def _no_tries_yet(app: Flask) -> None:
    """Forget the tries that earlier tests have made from the same address."""
    with app.app_context():
        limiter.reset()


@pytest.fixture
def known_at(app: Flask, bound: Callable[[str], Any]) -> Callable[..., UUID]:
    """`known_at("alpha", cccd=…)`: a patient with an account whom the hospital knows and the centre finds."""

    def make(code: str, *, cccd: str, phone: str | None = None, **account: Any) -> UUID:
        with bound(code):
            patient = factories.make_patient(cccd=cccd, **({"phone": phone} if phone else {}))
            account_id = factories.make_patient_user(patient, **account).id
            patient_id, number = patient.id, patient.phone
        index, sealed = app.extensions["blind_index"], app.extensions["keyring"].seal("x", "name")
        with app.app_context(), unit_of_work() as session:
            hospital_id = session.scalars(sa.select(Hospital.id).where(Hospital.code == code)).one()
            session.add(
                PatientIndexEntry(
                    patient_global_id=new_id(),
                    hospital_id=hospital_id,
                    patient_id=patient_id,
                    cccd_index=index.of("cccd", cccd),
                    phone_index=index.of("phone", number),
                    name_ciphertext=sealed.ciphertext,
                    name_nonce=sealed.nonce,
                    name_key_id=sealed.key_id,
                    source_version=1,
                )
            )
        return account_id

    return make


@pytest.fixture
def doctor(alpha: str, bound: Callable[[str], Any]) -> dict[str, UUID]:
    """A doctor of the first hospital who sees patients every day: `id` and `department`."""
    with bound(alpha):
        person = factories.make_staff("doctor", full_name="BS. Trần Quốc Bảo")
        factories.make_schedule(person.id)
        return {"id": person.id, "department": department_id()}
