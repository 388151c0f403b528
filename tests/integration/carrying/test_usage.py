"""The centre knows by day how much a hospital was used, and of two counts the later one stands."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_access, record_change
from app.domain.centre.usage import tell_usage
from app.tenancy.binding import tenancy
from app.tenancy.models import UsageDay
from app.tenancy.usage import MOST_DAYS, UsageFacts, list_usage, take_usage
from tests.integration.jobs.test_sync import central

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = datetime.now(ZONE).replace(day=10, hour=12, minute=0, second=0, microsecond=0)


def act(kind: ActorKind, looks: int = 1) -> None:
    actor = Actor(kind, new_id(), "Một người")
    for _ in range(looks):
        record_access(actor, "patient.view", subject_type="patient", subject_id=None, patient_ids=[new_id()])
    record_change(actor, "patient.register", subject_type="patient", subject_id=new_id(), event={})


def days(app: Flask) -> dict[date, UsageDay]:
    return {row.day: row for row in central(app, sa.select(UsageDay))}


def test_a_day_is_that_of_the_hospital_and_a_week_is_caught_up(app: Flask, bound, alpha: str) -> None:
    with clock.frozen_at(NOON), bound(alpha):
        act(ActorKind.STAFF, looks=3)
        act(ActorKind.PATIENT)
    late = NOON.replace(hour=23, minute=30)  # in UTC it is the same day, half an hour later it is the next one here
    with clock.frozen_at(late), bound(alpha):
        act(ActorKind.STAFF)
    with clock.frozen_at(late + timedelta(minutes=31)), bound(alpha):
        act(ActorKind.STAFF)
    with clock.frozen_at(late), app.app_context():
        assert tell_usage(alpha) == MOST_DAYS
    with clock.frozen_at(late + timedelta(days=7)), app.app_context():
        assert tell_usage(alpha) == 8, "from the last day that was told, which was not over"
    told = days(app)
    today, next_day = told[NOON.date()], told[NOON.date() + timedelta(days=1)]
    assert (today.active_staff, today.active_patients, today.patients_registered, today.changes) == (2, 1, 3, 3)
    assert today.looks == {"staff": 4, "patient": 1}
    assert (next_day.active_staff, next_day.patients_registered) == (1, 1)
    assert today.storage_bytes > 1_000_000
    with app.app_context(), unit_of_work():
        hospital_id = tenancy().registry.get_by_code(alpha).id
        assert [row.day for row in list_usage(hospital_id, 1)] == [NOON.date() + timedelta(days=7)]


def test_the_count_of_the_later_position_stands_whatever_the_clock_says(app: Flask, alpha: str) -> None:
    def told(position: int, changes: int) -> UsageFacts:
        return UsageFacts(NOON.date(), position, 1, 0, 0, 0, 0, {}, changes, 1)

    with app.app_context():
        hospital_id = tenancy().registry.get_by_code(alpha).id
        for position, changes, moment in ((7, 70, NOON), (5, 50, NOON + timedelta(hours=1)), (9, 90, NOON)):
            with clock.frozen_at(moment), unit_of_work():
                take_usage(hospital_id, [told(position, changes)])
    (row,) = days(app).values()
    assert (row.source_position, row.changes) == (9, 90)
