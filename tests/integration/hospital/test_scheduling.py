"""The plan of the day, what is booked from it, and the settings behind it, in the pages of the portal."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.appointments.models import Appointment, AppointmentStatus, VisitKind
from app.domain.audit.models import AccessEntry
from app.domain.organisation.models import Holiday, Room
from tests import factories
from tests.factories.people import department_id
from tests.support.platform import Platform
from tests.support.queries import count_queries

HOME, ZONE = "/h/alpha/hospital", ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def doctor(alpha: str, bound: Any) -> Any:
    """A doctor with hours on every day, in slots of thirty minutes, one of which may be overbooked."""
    with bound(alpha):
        made = factories.make_staff("doctor", full_name="Bác Sĩ Hạnh")
        factories.make_schedule(made.id, overbook_max=1)
        return made.id


def at(hour: int = 11, days: int = 0) -> datetime:
    return clock.now().astimezone(ZONE).replace(hour=hour) + timedelta(days=days)


def slot(doctor_id: Any, days: int = 0) -> str:
    return f"{doctor_id}|{at(days=days).astimezone(UTC).isoformat()}"


def made(bound: Any, alpha: str, patient_id: Any) -> list[Any]:
    with bound(alpha):
        query = sa.select(*Appointment.__table__.columns).where(Appointment.patient_id == patient_id)
        return list(db.session.execute(query.order_by(Appointment.starts_at)))


def test_the_plan_shows_visits_and_free_times_in_a_fixed_number_of_queries(
    alpha: str, bound: Any, sign_in_staff: Any, doctor: Any
) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    seen = []
    for count in (2, 6):
        with bound(alpha):
            for number in range(len(seen) * 2, count):
                patient = factories.make_patient(full_name=f"Người Trong Lịch {number}").id
                starts_at = at(12) + timedelta(minutes=30 * number)
                factories.make_appointment(patient_id=patient, doctor_id=doctor, starts_at=starts_at)
        with count_queries() as queries:
            page = desk.get(f"{HOME}/schedule").get_data(as_text=True)
        seen.append(len(queries))
    assert seen[0] == seen[1] <= 9
    assert "12:00 Người Trong Lịch 0" in page
    assert "Bác Sĩ Hạnh" in page
    assert re.search(r"schedule/book\?slot=", page)
    with bound(alpha):
        assert db.session.scalars(sa.select(AccessEntry.action)).all().count("schedule.view") == 2


def test_the_plan_names_nobody_who_is_out_of_reach(alpha: str, bound: Any, sign_in_staff: Any, doctor: Any) -> None:
    with bound(alpha):
        patient = factories.make_patient(full_name="Người Không Ai Biết")
        factories.make_appointment(doctor_id=doctor, patient_id=patient.id, starts_at=at())
    surgeon = sign_in_staff(alpha, "doctor", department="NGOAI")
    page = surgeon.get(f"{HOME}/schedule?department={_department(bound, alpha)}").get_data(as_text=True)
    assert "Bác Sĩ Hạnh" in page
    assert "Người Không Ai Biết" not in page
    assert "11:00 Đã có người" in page


def test_a_week_shows_absences_and_holidays(alpha: str, bound: Any, sign_in_staff: Any, doctor: Any) -> None:
    day = clock.now().date() + timedelta(days=7 - clock.now().weekday())
    with bound(alpha):
        db.session.add(Holiday(day=day, name="Nghỉ bù"))
    desk = sign_in_staff(alpha, "receptionist")
    page = desk.get(f"{HOME}/schedule?view=week&doctor={doctor}&day={day:%d/%m/%Y}").get_data(as_text=True)
    assert page.count('<th scope="col">') == 8
    assert "Ngày nghỉ" in page
    assert desk.get(f"{HOME}/schedule?day=hôm+kia").status_code == 422
    assert desk.get(f"{HOME}/schedule?doctor={new_id()}&view=week").status_code == 200


def test_a_time_of_the_plan_is_booked_for_somebody_looked_up(
    alpha: str, bound: Any, sign_in_staff: Any, doctor: Any
) -> None:
    with bound(alpha):
        patient = factories.make_patient(full_name="Trần Tìm Thấy").id
    desk = sign_in_staff(alpha, "receptionist")
    asked = {"slot": slot(doctor, 1), "department": str(_department(bound, alpha))}
    assert desk.get(f"{HOME}/schedule/book").status_code == 303
    found = desk.get(f"{HOME}/schedule/book", query_string=asked | {"q": "tim thay"}).get_data(as_text=True)
    (address,) = {one.replace("&amp;", "&") for one in re.findall(rf'href="([^"]*{patient}/visits/new[^"]*)"', found)}
    page = desk.get(address).get_data(as_text=True)
    assert len(re.findall(r'type="radio"[^>]*checked', page)) == 1
    answer = desk.submit(
        f"{HOME}/patients/{patient}/visits?department={asked['department']}",
        {"slot": asked["slot"], "reason": "Ho"},
        page=address,
    )
    assert answer.status_code == 303
    assert [visit.kind for visit in made(bound, alpha, patient)] == [VisitKind.PLANNED]


def test_a_full_time_is_offered_only_to_who_asks_to_squeeze_somebody_in(
    alpha: str, bound: Any, sign_in_staff: Any, doctor: Any
) -> None:
    with bound(alpha):
        factories.make_appointment(doctor_id=doctor, starts_at=at())
        patient = factories.make_patient().id
    desk = sign_in_staff(alpha, "receptionist")
    asked = f"department={_department(bound, alpha)}&doctor={doctor}"
    page = f"{HOME}/patients/{patient}/walk-in"
    assert slot(doctor) not in desk.get(f"{page}?{asked}").get_data(as_text=True)
    assert slot(doctor) in desk.get(f"{page}?{asked}&beyond=1").get_data(as_text=True)
    facts = {"slot": slot(doctor), "reason": "Sốt"}
    assert desk.submit(f"{page}?{asked}", facts, page=f"{page}?{asked}").status_code == 409
    assert desk.submit(f"{page}/beyond?{asked}", facts, page=f"{page}?{asked}&beyond=1").status_code == 303
    (visit,) = made(bound, alpha, patient)
    assert (visit.place, visit.kind, visit.status) == (2, VisitKind.WALK_IN, AppointmentStatus.ARRIVED)
    shown = desk.get(f"{HOME}/visits/{visit.id}").get_data(as_text=True)
    assert "đến không hẹn" in shown
    follow_up = f"{HOME}/patients/{patient}/visits"
    department = _department(bound, alpha)
    answer = desk.submit(
        f"{follow_up}?follows={visit.id}&department={department}",
        {"slot": slot(doctor, 14), "reason": "Tái khám"},
        page=f"{follow_up}/new?{asked}&follows={visit.id}",
    )
    assert answer.status_code == 303
    assert made(bound, alpha, patient)[1].follows_id == visit.id


def test_an_emergency_is_received_in_one_page(alpha: str, bound: Any, sign_in_staff: Any, doctor: Any) -> None:
    with bound(alpha):
        patient = factories.make_patient().id
    desk = sign_in_staff(alpha, "receptionist")
    page = f"{HOME}/patients/{patient}/emergency"
    facts = {"department": str(_department(bound, alpha)), "doctor": str(doctor), "reason": "Khó thở"}
    assert desk.submit(page, facts | {"doctor": ""}).status_code == 422
    assert desk.submit(page, facts).status_code == 303
    assert [visit.kind for visit in made(bound, alpha, patient)] == [VisitKind.EMERGENCY]
    nurse = sign_in_staff(alpha, "nurse")
    assert nurse.get(page).status_code == 403


def test_a_series_says_which_times_are_not_free_and_its_rest_is_called_off(
    alpha: str, bound: Any, sign_in_staff: Any, doctor: Any
) -> None:
    with bound(alpha):
        patient = factories.make_patient().id
        factories.make_appointment(doctor_id=doctor, starts_at=at(days=8))
    desk = sign_in_staff(alpha, "receptionist")
    asked = f"department={_department(bound, alpha)}"
    page = f"{HOME}/patients/{patient}/series/new?{asked}"
    facts = {"slot": slot(doctor, 1), "count": "3", "every_weeks": "1", "fitting": "all", "reason": "Tiêm"}
    url = f"{HOME}/patients/{patient}/series?{asked}"
    refused = desk.submit(url, facts, page=page)
    assert refused.status_code == 409
    assert f"{at(days=8):%d/%m/%Y} 11:00" in refused.get_data(as_text=True)
    assert desk.submit(url, facts | {"count": "1"}, page=page).status_code == 422
    assert desk.submit(url, facts | {"fitting": "fitting"}, page=page).status_code == 303
    first, last = made(bound, alpha, patient)
    shown = f"{HOME}/visits/{first.id}"
    assert str(last.id) in desk.get(shown).get_data(as_text=True)
    desk.submit(f"{shown}/series/cancel", {"reason": "", "version": "1"}, page=shown)
    assert {visit.status for visit in made(bound, alpha, patient)} == {AppointmentStatus.BOOKED}
    assert desk.submit(f"{shown}/series/cancel", {"reason": "Đi xa", "version": "1"}, page=shown).status_code == 303
    assert {visit.status for visit in made(bound, alpha, patient)} == {AppointmentStatus.CANCELLED}


def test_a_visit_gets_another_room_unless_another_doctor_has_it(
    alpha: str, bound: Any, sign_in_staff: Any, doctor: Any
) -> None:
    with bound(alpha):
        room = Room(code="P1", name="Phòng 1")
        db.session.add(room)
        db.session.flush()
        visits = factories.make_appointment(doctor_id=doctor), factories.make_appointment(room_id=room.id)
        visit, other = (SimpleNamespace(id=each.id, version=each.version) for each in visits)
        room_id = room.id
    desk = sign_in_staff(alpha, "receptionist")
    page = f"{HOME}/visits/{visit.id}"
    answer = desk.submit(f"{page}/room", {"room": str(room_id), "version": visit.version}, page=page)
    assert answer.status_code == 409
    away = f"{HOME}/visits/{other.id}"
    assert desk.submit(f"{away}/room", {"room": "", "version": other.version}, page=away).status_code == 303
    assert desk.submit(f"{page}/room", {"room": str(room_id), "version": visit.version}, page=page).status_code == 303
    assert "Phòng 1" in desk.get(page).get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("departments", {"accepts_bookings": "y"}),
        ("rooms", {"floor": "2"}),
        ("facilities", {"address": "1 Phố Huế"}),
        ("visit-types", {"minutes": "45", "daily_capacity": "8"}),
    ],
)
def test_the_hospital_sets_its_catalogues_up(
    alpha: str, platform: Platform, sign_in_staff: Any, path: str, facts: dict[str, str]
) -> None:
    admin = sign_in_staff(alpha, "administrator")
    page, facts = f"{HOME}/{path}", {"code": "moi 1", "name": "Mới", "position": "90"} | facts
    assert admin.submit(page, facts | {"name": ""}).status_code == 422
    assert admin.submit(page, facts).status_code == 303
    assert admin.submit(page, facts).status_code == 422, "the code is taken"
    shown = admin.get(page).get_data(as_text=True)
    row = next(one for one in shown.split("<tr>") if "MOI-1" in one)
    edit = re.search(rf'href="([^"]*/{path}/[0-9a-f-]+/edit)"', row)[1]
    version = re.search(r'name="version"[^>]*value="(\d+)"', admin.get(edit).get_data(as_text=True))[1]
    changed = facts | {"name": "Đổi tên", "version": version}
    assert admin.submit(edit.removesuffix("/edit"), changed, page=edit).status_code == 303
    assert admin.submit(edit.removesuffix("/edit"), changed | {"name": "Lần nữa"}, page=edit).status_code == 409
    assert "Đổi tên" in admin.get(page).get_data(as_text=True)
    assert sign_in_staff(alpha, "receptionist").get(page).status_code == 403
    with platform.admin(alpha) as connection:  # departments stay from test to test
        connection.execute("DELETE FROM departments WHERE code = 'MOI-1'")


def test_opening_hours_holidays_and_absences_are_set_in_pages(
    alpha: str, bound: Any, sign_in_staff: Any, doctor: Any
) -> None:
    admin = sign_in_staff(alpha, "administrator")
    page, holidays = f"{HOME}/opening-hours", f"{HOME}/holidays"
    shown = admin.get(page).get_data(as_text=True)
    version = re.search(r'name="version"[^>]*value="(\d+)"', shown)[1]
    hours = {"weekdays": ["0", "1"], "opens": "07:00", "closes": "17:00", "version": version}
    assert admin.submit(page, hours | {"closes": "06:00"}).status_code == 422
    assert admin.submit(page, hours | {"version": "0"}).status_code == 409
    day = clock.now().date() + timedelta(days=2)
    facts = {"name": "Nghỉ lễ", "first": f"{day:%d/%m/%Y}", "last": ""}
    assert admin.submit(holidays, facts | {"first": "01/01/2020"}, page=page).status_code == 422
    assert admin.submit(holidays, facts, page=page).status_code == 303
    assert admin.submit(f"{holidays}/fixed", page=page).status_code == 303
    shown = admin.get(page).get_data(as_text=True)
    (first, *_others) = re.findall(r"holidays/([0-9a-f-]{36})/remove", shown)
    assert admin.submit(f"{holidays}/{first}/remove", page=page).status_code == 303
    assert admin.submit(f"{holidays}/{first}/remove", page=page).status_code == 404
    own = f"{HOME}/staff/{doctor}/hours"
    away = {"first": f"{day:%d/%m/%Y}", "begins": "08:00", "until": "07:00"}
    assert admin.submit(f"{HOME}/staff/{doctor}/absences", away, page=own).status_code == 422
    assert admin.submit(f"{HOME}/staff/{doctor}/absences", away | {"until": ""}, page=own).status_code == 303
    absence = re.search(r"absences/([0-9a-f-]{36})/remove", admin.get(own).get_data(as_text=True))[1]
    assert "Bác Sĩ Hạnh" in admin.get(f"{HOME}/schedules").get_data(as_text=True)
    assert admin.submit(f"{HOME}/staff/{doctor}/absences/{absence}/remove", page=own).status_code == 303


def _department(bound: Any, alpha: str) -> Any:
    with bound(alpha):
        return department_id()
