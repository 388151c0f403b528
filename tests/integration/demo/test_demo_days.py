"""Whenever the demo is made, its visits agree with the time of day."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from app.cli.demo.cast import HOSPITALS
from app.cli.demo.filling import _hours
from app.cli.demo.people import invent_patients
from app.cli.demo.visits import Clinic, Planner, Visit
from app.core.ids import new_id
from app.domain.appointments.models import AppointmentStatus

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SINCE = date(2026, 1, 1)
STATES = AppointmentStatus


def plan_at(moment: str) -> tuple[datetime, list[Visit]]:
    now = datetime.fromisoformat(moment).replace(tzinfo=ZONE)
    hospital = HOSPITALS[0]
    people = invent_patients(hospital, now, now.date())
    clinics = [
        Clinic(
            new_id(), p.department, new_id(), tuple(_hours(hospital, p.department, p.slot_minutes, date(2026, 1, 1)))
        )
        for p in hospital.staff
        if p.role == "doctor" and p.department
    ]
    return now, Planner(Random(1), people, now, ZONE).plan(clinics, [])


def of_today(now: datetime, visits: list[Visit]) -> list[Visit]:
    return [visit for visit in visits if visit.slot.start.astimezone(ZONE).date() == now.date()]


@pytest.mark.parametrize(
    "moment",
    ["2026-11-16T05:00", "2026-11-16T09:40", "2026-11-18T12:15", "2026-11-20T15:00", "2026-11-21T08:00",
     "2026-11-22T10:00", "2026-11-22T23:50", "2027-01-01T00:10", "2028-02-29T16:29"],
)  # fmt: skip
def test_states_agree_with_the_time(moment: str) -> None:
    now, visits = plan_at(moment)
    assert of_today(now, visits)
    for visit in visits:
        steps = [visit.booked_at, visit.arrived_at, visit.started_at, visit.finished_at, now]
        known = [step for step in steps if step]
        assert known == sorted(known)
        if visit.slot.end <= now:
            assert visit.status in (STATES.COMPLETED, STATES.NO_SHOW, STATES.CANCELLED)
        elif visit.slot.start > now:
            assert visit.status in (STATES.BOOKED, STATES.ARRIVED, STATES.CANCELLED)


def test_in_the_middle_of_the_morning_a_doctor_has_one_patient_inside_and_others_waiting() -> None:
    now, visits = plan_at("2026-11-18T09:40")
    states = [visit.status for visit in of_today(now, visits) if visit.clinic.department == "NOI"]
    assert states.count(STATES.IN_PROGRESS) <= 1
    assert {STATES.COMPLETED, STATES.ARRIVED, STATES.BOOKED} <= set(states)


def test_before_opening_nobody_has_come() -> None:
    now, visits = plan_at("2026-11-18T05:00")
    assert {visit.status for visit in of_today(now, visits)} <= {STATES.BOOKED, STATES.CANCELLED}


def test_nobody_comes_twice_within_three_days() -> None:
    _now, visits = plan_at("2026-11-18T09:40")
    days: dict[object, list[date]] = {}
    for visit in visits:
        days.setdefault(visit.person.id, []).append(visit.slot.start.astimezone(ZONE).date())
    for each in days.values():
        ordered = sorted(each)
        assert all((later - earlier).days >= 3 for earlier, later in pairwise(ordered))


def test_the_same_hospital_is_invented_again() -> None:
    _now, first = plan_at("2026-11-18T09:40")
    _now, second = plan_at("2026-11-18T09:40")
    assert [(v.person.full_name, v.slot, v.status) for v in first] == [
        (v.person.full_name, v.slot, v.status) for v in second
    ]


def test_hours_leave_noon_free() -> None:
    hours = _hours(HOSPITALS[1], "TIM", 30, SINCE)
    assert {(entry.starts, entry.ends) for entry in hours} == {(time(7), time(11)), (time(13, 30), time(16, 30))}
