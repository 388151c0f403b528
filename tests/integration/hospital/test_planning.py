"""What planning may not lose: hours stay ended, closed buildings stay chosen, nothing is left out without a word."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.appointments import grid, queries
from app.domain.appointments.hours import end_hours
from app.domain.appointments.models import DoctorSchedule
from app.domain.appointments.rooms import change_room
from app.domain.appointments.series import SeriesDoesNotFit, book_series
from app.domain.audit.models import AccessEntry, AuditEntry, OutboxEvent
from app.domain.notices.consumers import OF_VISITS
from app.domain.organisation import catalogues
from app.domain.organisation.models import Facility, Room
from tests import factories
from tests.factories.people import department_id
from tests.support.platform import ACTOR

HOME = "/h/alpha/hospital"


def hours_of(doctor: Any) -> DoctorSchedule:
    query = sa.select(DoctorSchedule).filter_by(doctor_id=doctor, weekday=0).order_by(DoctorSchedule.id)
    return db.session.scalars(query.execution_options(populate_existing=True)).first()  # type: ignore[return-value]


def test_hours_that_are_over_are_not_opened_again_by_ending_them(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    today = clock.now().date()
    with bound(alpha):
        room = Room(code="P1", name="Phòng 1")
        db.session.add(room)
        db.session.flush()
        old, new = (factories.make_staff("doctor").id for _ in range(2))
        factories.make_schedule(old, room_id=room.id, valid_until=today - timedelta(days=30))
        factories.make_schedule(new, room_id=room.id, valid_from=today - timedelta(days=29))
        assert end_hours(ACTOR, old, hours_of(old).id, today) is False
        assert hours_of(old).valid_until == today - timedelta(days=30)
        assert db.session.scalars(sa.select(AuditEntry).filter_by(action="schedule.end")).all() == []
        schedule_id = hours_of(new).id
    admin = sign_in_staff(alpha, "administrator")
    page = f"{HOME}/staff/{new}/hours"
    for said in ("Giờ làm việc kết thúc hôm nay", "đã kết thúc từ trước"):
        assert admin.submit(f"{page}/{schedule_id}/end", page=page).status_code == 303
        assert said in admin.get(page).get_data(as_text=True)
    with bound(alpha):
        assert hours_of(new).valid_until == today


def test_a_room_keeps_its_building_though_that_was_closed(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    with bound(alpha):
        closed, other = Facility(code="A", name="Nhà A", closed_at=clock.now()), Facility(code="B", name="Nhà B")
        db.session.add_all([closed, other])
        db.session.flush()
        room = Room(code="P1", name="Phòng 1", facility_id=closed.id)
        db.session.add(room)
        db.session.flush()
        room_id, facility_id = room.id, closed.id
    admin, page = sign_in_staff(alpha, "administrator"), f"{HOME}/rooms/{room_id}/edit"
    shown = admin.get(page).get_data(as_text=True)
    assert re.search(rf'<option[^>]*value="{facility_id}"[^>]*selected|<option[^>]*selected[^>]*"{facility_id}"', shown)
    assert "Nhà A" not in admin.get(f"{HOME}/rooms").get_data(as_text=True), "for a new room it is not offered"
    sent = {"code": "P1", "name": "Phòng một", "facility_id": str(facility_id), "version": "1", "position": "0"}
    assert admin.submit(f"{HOME}/rooms/{room_id}", sent, page=page).status_code == 303
    with bound(alpha):
        assert db.session.get_one(Room, room_id).facility_id == facility_id


def test_another_room_is_told_to_the_pages_that_are_open(bound: Any, alpha: str) -> None:
    with bound(alpha):
        visit, room = factories.make_appointment(), Room(code="P1", name="Phòng 1")
        db.session.add(room)
        db.session.flush()
        change_room(ACTOR, visit.id, room.id, visit.version)
        event = db.session.scalars(sa.select(OutboxEvent).filter_by(kind="appointment.room")).one()
        assert event.subject_id == visit.id
        assert event.kind in OF_VISITS


def test_looks_at_a_series_in_an_emergency_are_marked_as_that(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    with bound(alpha):
        doctor = factories.make_staff("doctor", department="TIM")
        visit = factories.make_appointment(doctor_id=doctor.id, department_id=department_id("TIM"), series_id=new_id())
        patient_id, visit_id = visit.patient_id, visit.id
    other = sign_in_staff(alpha, "doctor")
    assert other.get(f"{HOME}/visits/{visit_id}").status_code == 403
    reason = "Bất tỉnh tại phòng cấp cứu, cần biết dị ứng"
    assert other.submit(f"{HOME}/patients/{patient_id}/emergency-access", {"reason": reason}).status_code == 303
    assert other.get(f"{HOME}/visits/{visit_id}").status_code == 200
    with bound(alpha):
        looks = db.session.scalars(sa.select(AccessEntry).filter_by(action="visit.series")).all()
        assert [look.basis for look in looks] == ["emergency"]


def test_a_series_that_does_not_fit_looks_for_no_other_times(
    bound: Any, alpha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[Any] = []
    monkeypatch.setattr(queries, "find_alternatives", lambda *asked: searched.append(asked) or ())
    with bound(alpha):
        doctor = factories.make_staff("doctor").id
        factories.make_schedule(doctor)
        first = (clock.now() + timedelta(days=1)).replace(hour=3, minute=0, second=0, microsecond=0)
        for week in range(3):
            factories.make_appointment(doctor_id=doctor, starts_at=first + timedelta(weeks=week))
        with pytest.raises(SeriesDoesNotFit) as refusal:
            book_series(
                ACTOR, patient_id=factories.make_patient().id, doctor_id=doctor, department_id=department_id(),
                first=first, count=3, every_weeks=1, reason="Tập",
            )  # fmt: skip
        assert len(refusal.value.refused) == 3
    assert searched == []


def test_what_does_not_fit_on_a_page_is_counted_or_on_the_next(
    bound: Any, alpha: str, sign_in_staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "MOST_VISITS", 2)
    monkeypatch.setattr(catalogues, "PER_PAGE", 2)
    with bound(alpha):
        for number in range(5):
            factories.make_appointment(starts_at=clock.now() + timedelta(minutes=10 * number))
            db.session.add(Room(code=f"P{number}", name=f"Phòng số {number}"))
    desk, admin = sign_in_staff(alpha, "receptionist"), sign_in_staff(alpha, "administrator")
    assert "Còn 3 lượt khám" in desk.get(f"{HOME}/schedule").get_data(as_text=True)
    assert "Phòng số 4" not in admin.get(f"{HOME}/rooms").get_data(as_text=True)
    assert "Phòng số 4" in admin.get(f"{HOME}/rooms?page=3").get_data(as_text=True)
