"""The running code serves a hospital at the oldest revision: a whole visit; and nobody notices its upgrade."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.prescriptions.models import Medicine
from app.domain.records.models import MedicalRecord, RecordStatus, VitalSigns
from app.tenancy import revisions
from app.tenancy.binding import bind_hospital, has_revision, needs_revision, tenancy
from app.tenancy.errors import FeatureBehind, HospitalBehind
from app.web.security import limiter
from tests import factories
from tests.factories.people import department_id
from tests.integration.hospital.pages import fields_of
from tests.support.client import CheckingClient
from tests.support.platform import Platform
from tests.support.revisions import OLD

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
STAFF, PATIENT = "/h/gamma/hospital", "/h/gamma/patient"
SignIn = Callable[..., CheckingClient]


@pytest.fixture
def old(platform: Platform, app: Flask, bring: Any) -> str:
    """A hospital at the oldest revision that is served. That it is the same as one made there, `test_single` shows."""
    platform.create_hospital("gamma")
    bring("gamma", revisions.OLDEST_SERVED)
    with app.app_context():
        limiter.reset()
    return "gamma"


def test_a_whole_visit_goes_through_at_the_oldest_revision(
    old: str, bound: Any, sign_in_staff: SignIn, sign_in_patient: SignIn
) -> None:
    doctor_id = make_doctor(bound, old)
    tomorrow = datetime.combine(clock.today(ZONE) + timedelta(days=1), time(10), tzinfo=ZONE)
    patient = sign_in_patient(old)
    visit_id = book(patient, bound, doctor_id, tomorrow)
    with clock.frozen_at(tomorrow - timedelta(minutes=15)):
        desk = sign_in_staff(old, "receptionist")
        page = f"{STAFF}/today"
        assert desk.submit(f"{STAFF}/visits/{visit_id}/check-in", {"version": 1}, page=page).status_code == 303
        measure(sign_in_staff(old, "nurse"), patient.person["patient_id"])
        record = consult(sign_in_doctor(old, sign_in_staff, bound, visit_id), bound, visit_id)
    with bound(old):
        assert db.session.get_one(Appointment, visit_id).status is AppointmentStatus.COMPLETED
        assert db.session.get_one(MedicalRecord, record).status is RecordStatus.SIGNED
        assert db.session.scalars(sa.select(VitalSigns)).one().pulse == 72
    assert patient.get(f"{PATIENT}/home").status_code == 200


def test_a_hospital_is_upgraded_while_requests_go_on(
    app: Flask, old: str, sign_in_staff: SignIn, bring: Any, further: Any
) -> None:
    newer = further("def upgrade(): op.add_column('patients', sa.Column('further', sa.Text()))\n")
    browser = sign_in_staff(old, "receptionist")
    name = "vien-hospital-gamma"
    cookie = browser.get_cookie(name, path="/h/gamma")
    assert cookie is not None
    seen: Counter[int | str] = Counter()
    stopped = threading.Event()

    def look() -> None:
        client = app.test_client()
        client.set_cookie(name, cookie.value, path="/h/gamma")
        while not stopped.is_set():
            for page in ("/today", "/patients"):
                try:
                    seen[client.get(f"{STAFF}{page}").status_code] += 1
                except Exception as error:
                    seen[repr(error)] += 1

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: seen.total() > 20)
        before = seen.total()
        bring(old, newer)
        wait_for(lambda: seen.total() > before + 40)
    finally:
        stopped.set()
        for thread in threads:
            thread.join(60)
    assert set(seen) == {200}, seen


def test_a_hospital_below_what_is_served_is_closed_with_a_page_that_says_so(
    context: Flask, old: str, client: CheckingClient, bring: Any
) -> None:
    bring(old, OLD)
    tenancy().registry.forget()
    response = client.get(f"{STAFF}/sign-in")
    assert response.status_code == 503
    assert "đang được nâng cấp" in response.get_data(as_text=True)
    assert response.headers["Retry-After"] == "60"
    with pytest.raises(HospitalBehind), bind_hospital(old):
        pass
    assert client.get("/h/alpha/hospital/sign-in").status_code == 200


def test_what_comes_with_a_revision_says_so_where_it_is_not_there_yet(
    context: Flask, old: str, bring: Any, further: Any
) -> None:
    newer = further("def upgrade(): op.add_column('patients', sa.Column('further', sa.Text()))\n")
    with bind_hospital(old):
        assert not has_revision(newer)
        with pytest.raises(FeatureBehind):
            needs_revision(newer)
    bring(old, newer)
    with bind_hospital(old):
        needs_revision(newer)


def make_doctor(bound: Any, code: str) -> Any:
    with bound(code):
        person = factories.make_staff("doctor", full_name="BS. Trần Quốc Bảo")
        factories.make_schedule(person.id)
        return person.id


def book(patient: CheckingClient, bound: Any, doctor_id: Any, moment: datetime) -> Any:
    """Book a visit through the patient's pages."""
    with bound("gamma"):
        department = department_id()
    slot = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    answers = {"department": department, "doctor": doctor_id, "slot": slot}
    patient.submit(f"{PATIENT}/appointments/new/reason?{urlencode(answers)}", {"reason": "Ho"})
    done = patient.submit(f"{PATIENT}/appointments", {**answers, "reason": "Ho"}, page=f"{PATIENT}/profile")
    assert done.status_code == 303, done.get_data(as_text=True)
    with bound("gamma"):
        return db.session.scalars(sa.select(Appointment.id)).one()


def measure(nurse: CheckingClient, patient_id: Any) -> None:
    url = f"{STAFF}/patients/{patient_id}/vitals"
    assert nurse.post(url, data=fields_of(nurse.get(f"{url}/new"), pulse="72")).status_code == 303


def sign_in_doctor(code: str, sign_in_staff: SignIn, bound: Any, visit_id: Any) -> CheckingClient:
    """Give the visit to a doctor who is signed in."""
    doctor = sign_in_staff(code, "doctor")
    with bound(code):
        db.session.get_one(Appointment, visit_id).doctor_id = doctor.person["id"]
    return doctor


def consult(doctor: CheckingClient, bound: Any, visit_id: Any) -> Any:
    """Write a note, a diagnosis and a prescription, and sign; return the record's id."""
    begun = doctor.submit(f"{STAFF}/visits/{visit_id}/consultation", page=f"{STAFF}/today")
    assert begun.status_code == 303
    url = begun.headers["Location"]
    with bound("gamma"):
        medicine = db.session.scalars(sa.select(Medicine.id).where(Medicine.name == "Paracetamol").limit(1)).one()
    item = {"medicine_id": medicine, "dose_amount": "1", "times_per_day": "3", "days": "5"}
    for path, facts in (
        ("", {"assessment": "Viêm họng cấp", "plan": "Nghỉ ngơi"}),
        ("/diagnoses", {"code": "J02.9"}),
        ("/medicines", item),
        ("/sign", {}),
    ):
        assert doctor.post(url + path, data=fields_of(doctor.get(url), **facts)).status_code == 303, path
    return url.rsplit("/", 1)[1]


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1_200):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it takes too long")
