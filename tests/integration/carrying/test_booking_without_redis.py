"""A visit is booked in the patient portal while Redis is down: it is there once, and everybody hears of it once."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.domain.appointments.models import Appointment
from app.domain.audit.models import OutboxEvent
from app.domain.centre.relaying import has_work, relay_events
from app.tenancy.binding import bind_hospital
from app.tenancy.models import SyncRun
from tests.integration.carrying.conftest import Witness
from tests.integration.jobs.conftest import QueueServer
from tests.integration.jobs.test_sync import central
from tests.integration.patient.conftest import doctor, slot_in  # noqa: F401 (a fixture)
from tests.integration.patient.test_booking_pages import Doctor, SignIn, book


def test_a_visit_booked_while_redis_is_down_has_one_effect_everywhere(
    app: Flask,
    bound,
    queue_server: QueueServer,
    alpha: str,
    doctor: Doctor,  # noqa: F811
    sign_in_patient: SignIn,
    witness: Witness,
) -> None:
    browser = sign_in_patient(alpha)
    queue_server.kill()
    assert book(browser, doctor, slot_in(2, 10)).status_code == 303
    assert book(browser, doctor, slot_in(2, 10)).status_code != 500  # sent again: the slot is taken
    with app.app_context(), bind_hospital(alpha):
        assert has_work(), "the relay finds it by looking"
    with app.app_context():
        relay_events(alpha)
        relay_events(alpha)
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count(Appointment.id))) == 1
        booked = db.session.scalars(sa.select(OutboxEvent.id).where(OutboxEvent.kind == "appointment.book")).all()
        assert len(booked) == 1
        assert witness.effects().count(booked[0]) == 1
        events = db.session.scalar(sa.select(sa.func.count(OutboxEvent.id)))
    assert sum(run.events for run in central(app, sa.select(SyncRun))) == events
