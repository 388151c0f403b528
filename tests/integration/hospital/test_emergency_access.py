"""Patients out of reach, and emergency access: reason, limit, expiry, mark, alert and review."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.access.models import EmergencyAccess, Verdict
from app.domain.appointments.models import AppointmentStatus
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.messages.models import OutboundMessage
from app.domain.patients.models import Confidentiality, Patient
from app.domain.security.models import HospitalSecurityEvent
from tests import factories
from tests.support.platform import Platform

HOME = "/h/alpha/hospital"
REASON = "Bất tỉnh tại phòng cấp cứu, cần biết dị ứng"


@pytest.fixture
def stranger(bound: Any, alpha: str) -> dict[str, Any]:
    """A patient of cardiology, whom nobody of General Medicine treats."""
    with bound(alpha):
        patient = factories.make_patient(full_name="Lý Thị Xa Lạ", phone="+84911222333")
        cardiologist = factories.make_staff("doctor", department="TIM")
        factories.make_appointment(
            patient_id=patient.id, doctor_id=cardiologist.id, department_id=factories.people.department_id("TIM")
        )
        return {"id": patient.id, "code": patient.code, "url": f"{HOME}/patients/{patient.id}"}


def begin(browser: Any, patient: dict[str, Any], reason: str = REASON) -> Any:
    url = f"{patient['url']}/emergency-access"
    return browser.submit(url, {"reason": reason})


def test_a_patient_of_another_department_is_refused_with_the_way_in(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], stranger: dict[str, Any]
) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    for path in ("", "/vitals", "/vitals/new", "/allergies"):
        refused = doctor.get(stranger["url"] + path)
        assert refused.status_code == 403
        assert "emergency-access" in refused.get_data(as_text=True)
    found = doctor.get(f"{HOME}/search?q=xa la").get_data(as_text=True)
    assert "Lý Thị Xa Lạ" in found
    assert "0911" not in found
    with bound(alpha):
        denied = sa.select(HospitalSecurityEvent).where(HospitalSecurityEvent.kind == "access.denied")
        assert db.session.scalars(denied).all()


def test_a_reason_opens_one_patient_for_an_hour_and_every_look_is_marked(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], stranger: dict[str, Any], ten_o_clock: datetime
) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    short = begin(doctor, stranger, "cần gấp")
    assert short.status_code == 422
    assert "cần gấp" in short.get_data(as_text=True)
    assert begin(doctor, stranger).status_code == 303
    page = doctor.get(stranger["url"]).get_data(as_text=True)
    assert 'id="emergency-access"' in page
    assert "11:00" in page
    with bound(alpha):
        other = factories.make_patient()
        begun = db.session.scalars(sa.select(EmergencyAccess)).one()
        look = sa.select(AccessEntry).where(AccessEntry.action == "patient.view")
        (marked,) = db.session.scalars(look)
        assert (marked.basis, marked.grant_id) == ("emergency", begun.id)
        event = sa.select(HospitalSecurityEvent).where(HospitalSecurityEvent.kind == "emergency_access.begin")
        assert db.session.scalars(event).one().risk == "high"
        assert db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "emergency_access.begin")).one()
        other_id = other.id
    assert doctor.get(f"{HOME}/patients/{other_id}").status_code == 403
    assert (
        doctor.submit(f"{stranger['url']}/vitals", {"pulse": "80"}, page=f"{stranger['url']}/vitals/new").status_code
        == 303
    )
    with bound(alpha):
        written = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "vitals.record")).one()
        assert written.basis == "emergency"


def test_it_ends_by_time_and_by_hand(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], stranger: dict[str, Any], ten_o_clock: datetime
) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    begin(doctor, stranger)
    assert doctor.get(stranger["url"]).status_code == 200
    with clock.frozen_at(ten_o_clock + timedelta(minutes=29)):
        doctor.get(stranger["url"])  # stays signed in
    with clock.frozen_at(ten_o_clock + timedelta(minutes=58)):
        assert doctor.get(stranger["url"]).status_code == 200
    with clock.frozen_at(ten_o_clock + timedelta(minutes=61)):
        assert doctor.get(stranger["url"]).status_code == 403
        begin(doctor, stranger)
        with bound(alpha):
            newest = db.session.scalars(sa.select(EmergencyAccess).order_by(EmergencyAccess.begun_at.desc())).first()
            assert newest is not None
            emergency_id = newest.id
        end = f"{HOME}/emergency-access/{emergency_id}/end"
        assert doctor.submit(end, page=stranger["url"]).status_code == 303
        assert doctor.get(stranger["url"]).status_code == 403
        another = sign_in_staff(alpha, "doctor")
        assert another.submit(end, page=f"{stranger['url']}/emergency-access").status_code == 404


def test_within_a_day_only_so_many(bound: Any, alpha: str, sign_in_staff: Callable[..., Any]) -> None:
    nurse = sign_in_staff(alpha, "nurse")
    with bound(alpha):
        patients = [factories.make_patient().id for _ in range(6)]
    answers = [begin(nurse, {"url": f"{HOME}/patients/{each}"}).status_code for each in patients]
    assert answers == [303] * 5 + [409]
    again = begin(nurse, {"url": f"{HOME}/patients/{patients[0]}"})
    assert again.status_code == 303, "one that stands is not counted twice"


def test_several_at_once_do_not_pass_the_limit(
    app: Flask, bound: Any, alpha: str, sign_in_staff: Callable[..., Any], ten_o_clock: datetime
) -> None:
    from app.core.actor import Actor, ActorKind
    from app.domain.access.emergency import TooManyEmergencies, begin_emergency_access

    with bound(alpha):
        staff = factories.make_staff("nurse")
        actor = Actor(ActorKind.STAFF, staff.id, staff.full_name, frozenset({"emergency_access.use"}))
        patients = [factories.make_patient().id for _ in range(8)]
        same = patients[0]

    def attempt(patient_id: Any) -> bool:
        try:
            with bound(alpha):
                begin_emergency_access(actor, patient_id, REASON)
        except TooManyEmergencies:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(attempt, [same, same, *patients[1:]]))
    with bound(alpha):
        rows = db.session.scalars(sa.select(EmergencyAccess)).all()
        assert len(rows) == 5
        assert len([row for row in rows if row.patient_id == same]) <= 1
    assert sum(opened) in (5, 6)


def test_who_may_not_is_not_asked_for_a_reason(
    alpha: str, bound: Any, sign_in_staff: Callable[..., Any], stranger: dict[str, Any]
) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    assert desk.get(stranger["url"]).status_code == 200
    assert desk.get(f"{stranger['url']}/emergency-access").status_code == 403


def test_a_confidential_patient_is_open_to_treating_staff_only(
    alpha: str, bound: Any, sign_in_staff: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    arrived = visit(full_name="Mai Thị Kín Đáo")
    url = f"{HOME}/patients/{arrived.patient_id}"
    administrator = sign_in_staff(alpha, "administrator")
    sent = {"confidentiality": "restricted", "reason": "Theo yêu cầu của người bệnh", "version": "1"}
    assert administrator.submit(f"{url}/confidentiality", sent).status_code == 303
    assert administrator.submit(f"{url}/confidentiality", sent).status_code == 409
    with bound(alpha):
        patient = db.session.get(Patient, arrived.patient_id)
        assert patient.confidentiality is Confidentiality.RESTRICTED
        code = patient.code
    nurse, desk = sign_in_staff(alpha, "nurse"), sign_in_staff(alpha, "receptionist")
    assert arrived.doctor.get(url).status_code == 200
    assert [one.get(url).status_code for one in (nurse, desk, administrator)] == [403, 403, 403]
    for one in (nurse, desk, administrator):
        assert "Mai Thị Kín Đáo" not in one.get(f"{HOME}/search?q=kin dao").get_data(as_text=True)
    assert "Mai Thị Kín Đáo" not in nurse.get(f"{HOME}/today").get_data(as_text=True)
    assert "Mai Thị Kín Đáo" in desk.get(f"{HOME}/today").get_data(as_text=True)
    assert code in desk.get(f"{HOME}/search?q={code}", follow_redirects=True).get_data(as_text=True)
    assert desk.get(f"{HOME}/visits/{arrived.id}").status_code == 200
    assert administrator.get(f"{url}/access").status_code == 200
    assert begin(nurse, {"url": url}).status_code == 303
    assert nurse.get(url).status_code == 200


def test_the_desk_receives_a_confidential_patient(
    alpha: str, bound: Any, sign_in_staff: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    booked = visit(AppointmentStatus.BOOKED, confidentiality=Confidentiality.RESTRICTED)
    desk = sign_in_staff(alpha, "receptionist")
    response = desk.submit(
        f"{HOME}/visits/{booked.id}/check-in", {"version": str(booked.version)}, page=f"{HOME}/visits/{booked.id}"
    )
    assert response.status_code == 303


def test_a_reviewer_is_told_and_writes_what_was_found_once(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], stranger: dict[str, Any]
) -> None:
    administrator = sign_in_staff(alpha, "administrator", email="quantri@example.vn")
    doctor = sign_in_staff(alpha, "doctor")
    begin(doctor, stranger)
    doctor.get(stranger["url"])
    with bound(alpha):
        begun = db.session.scalars(sa.select(EmergencyAccess)).one()
        letter = db.session.scalars(sa.select(OutboundMessage)).one()
        assert letter.recipient == "quantri@example.vn"
        assert "Lý Thị" not in letter.body
        emergency_id = begun.id
    listed = administrator.get(f"{HOME}/emergency-access").get_data(as_text=True)
    assert doctor.person["full_name"] in listed
    url = f"{HOME}/emergency-access/{emergency_id}"
    assert REASON in administrator.get(url).get_data(as_text=True)
    assert doctor.get(url).status_code == 403
    refused = administrator.submit(f"{url}/review", {"verdict": "not_justified", "note": "", "version": "1"}, page=url)
    assert refused.status_code == 422
    sent = {"verdict": "justified", "note": "Đúng quy trình cấp cứu", "version": "1"}
    assert administrator.submit(f"{url}/review", sent, page=url).status_code == 303
    token = administrator.csrf_token(f"{HOME}/today")
    assert administrator.post(f"{url}/review", data={**sent, "csrf_token": token}).status_code == 409
    with bound(alpha):
        reviewed = db.session.get(EmergencyAccess, emergency_id)
        assert (reviewed.verdict, reviewed.reviewed_by) == (Verdict.JUSTIFIED, administrator.person["id"])


def test_nobody_reviews_their_own_and_the_overdue_come_first(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], stranger: dict[str, Any], ten_o_clock: datetime
) -> None:
    both = sign_in_staff(alpha, "doctor", role_codes=("doctor", "administrator"))
    with bound(alpha):
        own = factories.make_patient()
        facts = {"staff_name": "X", "reason": REASON, "staff_id": both.person["id"], "patient_id": own.id}
        for days, name in ((5, "Quá hạn"), (1, "Mới")):
            begun = ten_o_clock - timedelta(days=days)
            db.session.add(
                EmergencyAccess(
                    **{**facts, "staff_name": name},
                    begun_at=begun,
                    expires_at=begun + timedelta(hours=1),
                    review_by=begun + timedelta(days=3),
                )
            )
        db.session.flush()
        late = db.session.scalars(sa.select(EmergencyAccess.id).where(EmergencyAccess.staff_name == "Quá hạn")).one()
    listed = both.get(f"{HOME}/emergency-access").get_data(as_text=True)
    assert listed.index("Quá hạn") < listed.index("Mới")
    url = f"{HOME}/emergency-access/{late}"
    sent = {"verdict": "justified", "note": "Của chính tôi", "version": "1"}
    assert both.submit(f"{url}/review", sent, page=f"{HOME}/today").status_code == 403


def test_the_hospital_says_how_long_and_how_often(
    platform: Platform, alpha: str, sign_in_staff: Callable[..., Any], stranger: dict[str, Any]
) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    url = f"{HOME}/emergency-access/settings"
    wrong = administrator.submit(url, {"minutes": "1", "per_day": "5", "review_days": "3", "version": "0"})
    assert wrong.status_code == 422
    try:
        changed = administrator.submit(url, {"minutes": "15", "per_day": "1", "review_days": "2", "version": "0"})
        assert changed.status_code == 303
        stale = administrator.submit(url, {"minutes": "20", "per_day": "1", "review_days": "2", "version": "0"})
        assert stale.status_code == 409
        doctor = sign_in_staff(alpha, "doctor")
        begin(doctor, stranger)
        assert "10:15" in doctor.get(stranger["url"]).get_data(as_text=True)
    finally:
        with platform.admin(alpha) as connection:
            connection.execute("DELETE FROM settings WHERE key = 'emergency_access'")
