"""Times, numbers and versions that no page of ours sends: answered in words at the desk, never by an error of ours."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.db import db
from app.core.ids import new_id
from tests import factories
from tests.factories.people import department_id

HOME = "/h/alpha/hospital"
ENDLESS = "9" * 5000
FAR = ("9999-12-31T23:59:00+00:00", "0001-01-01T00:00:00+14:00", "2201-01-01T00:00:00+00:00")


@pytest.fixture
def visit(alpha: str, bound: Any) -> Any:
    with bound(alpha):
        doctor = factories.make_staff("doctor").id
        factories.make_schedule(doctor)
        made = factories.make_appointment(doctor_id=doctor, patient_id=factories.make_patient().id)
        db.session.expunge(made)
    return made


@pytest.mark.parametrize("moment", FAR)
def test_a_time_of_another_age_is_no_time(alpha: str, bound: Any, sign_in_staff: Any, visit: Any, moment: str) -> None:
    with bound(alpha):
        department = department_id()
    desk, slot = sign_in_staff(alpha, "receptionist"), f"{new_id()}|{moment}"
    read = desk.get(f"{HOME}/schedule/book", query_string={"slot": slot, "department": str(department)})
    assert read.status_code == 303
    patient = f"{HOME}/patients/{visit.patient_id}"
    sent = {"slot": slot, "reason": "Đau đầu", "count": "4", "every_weeks": "1", "fitting": "all"}
    for page, to in (
        (f"{patient}/visits/new", f"{patient}/visits"),
        (f"{patient}/walk-in", f"{patient}/walk-in"),
        (f"{patient}/series/new", f"{patient}/series"),
        (f"{HOME}/visits/{visit.id}/move", f"{HOME}/visits/{visit.id}/move"),
    ):
        assert desk.submit(f"{to}?department={department}", sent, page=page).status_code == 422, to


@pytest.mark.parametrize("version", [ENDLESS, "²", "-1"])
def test_a_version_that_is_none_moves_no_visit(alpha: str, sign_in_staff: Any, visit: Any, version: str) -> None:
    page = f"{HOME}/visits/{visit.id}/move"
    slot = f"{visit.doctor_id}|2027-03-01T02:00:00+00:00"
    answer = sign_in_staff(alpha, "receptionist").submit(page, {"slot": slot, "version": version})
    assert answer.status_code in (409, 422)


@pytest.mark.parametrize("page", ["/waiting-list", "/unreached", "/search?q=an", "/staff"])
def test_a_page_beyond_all_pages_is_empty(alpha: str, sign_in_staff: Any, page: str) -> None:
    role = "administrator" if page == "/staff" else "receptionist"
    mark = "&" if "?" in page else "?"
    assert sign_in_staff(alpha, role).get(f"{HOME}{page}{mark}page={'9' * 40}").status_code == 200


@pytest.mark.parametrize("version", [ENDLESS, "²"])
def test_a_member_of_staff_is_not_changed_at_such_a_version(alpha: str, sign_in_staff: Any, version: str) -> None:
    admin = sign_in_staff(alpha, "administrator")
    page = f"{HOME}/staff/{admin.person['id']}"
    sent = {"full_name": "An", "email": "an@example.vn", "roles": "administrator", "version": version}
    assert 400 <= admin.submit(page, sent, page=f"{page}/edit").status_code < 500
