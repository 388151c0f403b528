"""Each role's worklist, the queries that pages take however many rows they have, and booking at the desk."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.models import AccessEntry
from app.domain.identity.models import StaffSession
from app.domain.records.models import VitalSigns
from tests import factories
from tests.integration.hospital.pages import fields_of
from tests.support.queries import count_queries

HOME = "/h/alpha/hospital"
# The session, and what the page needs: for `today` counts, rows and the access log.
QUERIES = {"today": 4, "search": 3, "patient": 7, "consultation": 13}


@pytest.fixture
def full_day(bound, alpha, sign_in_staff):
    """`full_day(n)`: a doctor with n patients waiting, all with a common family name."""

    def fill(count: int):
        doctor = sign_in_staff(alpha, "doctor")
        midnight = clock.now().replace(hour=0, minute=0)
        with bound(alpha):
            for number in range(count):
                patient = factories.make_patient(full_name=f"Nguyễn Văn {number:03d}")
                factories.make_appointment(
                    doctor_id=doctor.person["id"],
                    patient_id=patient.id,
                    starts_at=midnight + timedelta(minutes=10 * number),
                    ends_at=midnight + timedelta(minutes=10 * number + 10),
                    status=AppointmentStatus.ARRIVED,
                    arrived_at=clock.now() - timedelta(minutes=number),
                )
        return doctor

    return fill


def _first_visit():
    return db.session.execute(
        sa.select(Appointment.id, Appointment.patient_id).order_by(Appointment.starts_at).limit(1)
    ).one()


def test_the_doctor_sees_the_next_patient_first(full_day) -> None:
    page = full_day(3).get(f"{HOME}/today").get_data(as_text=True)
    assert 'id="next-up"' in page
    assert "Nguyễn Văn 000" in page


def test_a_doctor_sees_no_colleagues_patients(alpha, full_day, sign_in_staff) -> None:
    full_day(2)
    assert "Nguyễn Văn" not in sign_in_staff(alpha, "doctor").get(f"{HOME}/today").get_data(as_text=True)


def test_the_nurse_sees_first_whose_vital_signs_are_missing(bound, alpha, full_day, sign_in_staff) -> None:
    doctor = full_day(2)
    nurse = sign_in_staff(alpha, "nurse")
    with bound(alpha):
        first = _first_visit()
        db.session.add(
            VitalSigns(
                patient_id=first.patient_id,
                appointment_id=first.id,
                measured_at=clock.now(),
                measured_by=doctor.person["id"],
                pulse=72,
            )
        )
    page = nurse.get(f"{HOME}/today").get_data(as_text=True)
    assert page.index("Nguyễn Văn 001") < page.index("Nguyễn Văn 000")


def test_the_list_refreshes_itself_without_keeping_the_session_alive(bound, alpha, full_day) -> None:
    doctor = full_day(1)
    with clock.frozen_at(clock.now() + timedelta(minutes=10)):
        fragment = doctor.get(f"{HOME}/today?poll=1", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert fragment.lstrip().startswith('<div id="worklist"')
    with bound(alpha):
        assert db.session.scalars(sa.select(StaffSession.last_seen_at)).one() <= clock.now()


def test_a_page_of_patients_is_one_row_of_the_access_log(bound, alpha, full_day) -> None:
    full_day(5).get(f"{HOME}/today")
    with bound(alpha):
        entry = db.session.scalars(sa.select(AccessEntry).where(AccessEntry.action == "worklist.view")).one()
        assert len(entry.patient_ids) == 5


def test_a_day_that_does_not_exist_is_said_at_the_field(full_day) -> None:
    response = full_day(0).get(f"{HOME}/today?day=31022026")
    assert response.status_code == 422
    assert 'href="#day"' in response.get_data(as_text=True)


@pytest.mark.parametrize("query", ["?page=99", "?page=-1", "?page=x", "?state=unknown", "?day=01/01/2020"])
def test_odd_addresses_are_pages(full_day, query) -> None:
    assert full_day(1).get(f"{HOME}/today{query}").status_code == 200


@pytest.mark.parametrize("rows", [5, 50])
def test_pages_take_as_many_queries_for_fifty_rows_as_for_five(bound, alpha, full_day, rows) -> None:
    doctor = full_day(rows)
    with bound(alpha):
        first = _first_visit()
        for number in range(rows):
            measured = clock.now() - timedelta(hours=number)
            values = {"patient_id": first.patient_id, "measured_by": doctor.person["id"], "pulse": 72}
            db.session.add(VitalSigns(measured_at=measured, **values))
    begun = doctor.submit(f"{HOME}/visits/{first.id}/consultation", page=f"{HOME}/today").headers["Location"]
    pages = {
        "today": f"{HOME}/today",
        "search": f"{HOME}/search?q=nguyen",
        "patient": f"{HOME}/patients/{first.patient_id}",
        "consultation": begun,
    }
    counted = {}
    for name, url in pages.items():
        with count_queries() as statements:
            assert doctor.get(url).status_code == 200
        counted[name] = len(statements)
    assert counted == QUERIES


def test_the_desk_books_a_free_time_and_not_twice(bound, alpha, sign_in_staff) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    with bound(alpha):
        doctor = factories.make_staff("doctor")
        factories.make_schedule(doctor.id)
        patients = [factories.make_patient().id for _ in range(2)]
        department = str(doctor.department_id)
    slot = None
    for patient, expected in zip(patients, (303, 422), strict=True):
        url = f"{HOME}/patients/{patient}/visits"
        page = desk.get(f"{url}/new", query_string={"department": department})
        slot = slot or page.get_data(as_text=True).rsplit('name="slot" value="', 1)[1].split('"', 1)[0]
        form = fields_of(page, slot=slot, reason="Đau bụng")
        assert desk.post(url, query_string={"department": department}, data=form).status_code == expected


def test_free_times_are_shown_to_whoever_asks_at_the_desk(bound, alpha, sign_in_staff) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    assert desk.get(f"{HOME}/free-times").status_code == 200
    with bound(alpha):
        doctor = factories.make_staff("doctor")
        factories.make_schedule(doctor.id)
        department, name = str(doctor.department_id), doctor.full_name
    page = desk.get(f"{HOME}/free-times", query_string={"department": department}).get_data(as_text=True)
    assert name in page
    assert "10:30" in page
    wrong = desk.get(f"{HOME}/free-times", query_string={"department": department, "day": "31022026"})
    assert wrong.status_code == 422
