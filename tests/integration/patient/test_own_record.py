"""What patients read of themselves: only what is theirs and signed; and every look is on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.ids import new_id
from app.domain.appointments.models import AppointmentStatus
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_access
from app.domain.identity.models import PatientUser
from app.domain.prescriptions.models import Medicine, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import DiagnosisKind, MedicalRecord, RecordDiagnosis, RecordStatus
from tests import factories
from tests.integration.patient.conftest import slot_in
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

BASE = "/h/alpha/patient"
SignIn = Callable[..., CheckingClient]


def make_record(patient_id: UUID, doctor_id: UUID, *, days_ago: int = 3, signed: bool = True) -> UUID:
    """Make a visit with a record, diagnosis and prescription, and return the visit's id."""
    visit = factories.make_appointment(
        doctor_id=doctor_id, patient_id=patient_id, starts_at=slot_in(-days_ago), status=AppointmentStatus.COMPLETED
    )
    record_id, medicine = new_id(), db.session.scalars(sa.select(Medicine).order_by(Medicine.code).limit(1)).one()
    record = MedicalRecord(
        id=record_id,
        series_id=record_id,
        patient_id=patient_id,
        appointment_id=visit.id,
        doctor_id=doctor_id,
        plan="Uống nhiều nước ấm",
    )
    db.session.add(record)
    db.session.flush()
    db.session.add(
        RecordDiagnosis(
            record_id=record_id,
            code="J02.9",
            title="Viêm họng cấp",
            title_en="Acute pharyngitis",
            kind=DiagnosisKind.PRIMARY,
        )
    )
    prescription = Prescription(record_id=record_id, patient_id=patient_id, doctor_id=doctor_id)
    db.session.add(prescription)
    db.session.flush()
    db.session.add(
        PrescriptionItem(
            prescription_id=prescription.id,
            medicine_id=medicine.id,
            medicine_name=medicine.name,
            strength=medicine.strength,
            unit="viên",
            route=medicine.route,
            dose_amount=1,
            times_per_day=3,
            days=5,
            quantity=15,
        )
    )
    db.session.flush()
    if signed:
        prescription.status, prescription.signed_at = PrescriptionStatus.SIGNED, clock.now()
        db.session.flush()
        sign(record, doctor_id)
    return visit.id


def sign(record: MedicalRecord, doctor_id: UUID) -> None:
    """Sign a version of a record."""
    record.status, record.is_current = RecordStatus.SIGNED, True
    record.signed_at, record.signed_by = clock.now(), doctor_id
    db.session.flush()


def test_a_signed_visit_shows_diagnosis_advice_and_doses_in_words(
    sign_in_patient: SignIn, alpha: str, doctor: dict[str, UUID], bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        visit = make_record(browser.person["patient_id"], doctor["id"])
    page = browser.get(f"{BASE}/appointments/{visit}").text
    for expected in ("Viêm họng cấp", "J02.9", "Uống nhiều nước ấm", "1 viên", "15 viên"):
        assert expected in page
    assert "Viêm họng cấp" in browser.get(f"{BASE}/record").text
    assert "Viêm họng cấp" in browser.get(f"{BASE}/home").text


def test_a_diagnosis_is_read_in_ones_own_language(
    sign_in_patient: SignIn, alpha: str, doctor: dict[str, UUID], bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        visit = make_record(browser.person["patient_id"], doctor["id"])
    browser.submit(f"{BASE}/profile/language", {"locale": "en"}, page=f"{BASE}/profile")
    page = browser.get(f"{BASE}/appointments/{visit}").text
    assert "Acute pharyngitis" in page
    assert 'lang="en"' in page
    with bound(alpha):
        assert db.session.get_one(PatientUser, browser.person["id"]).locale == "en"


def test_a_draft_is_invisible(sign_in_patient: SignIn, alpha: str, doctor: dict[str, UUID], bound: Any) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        visit = make_record(browser.person["patient_id"], doctor["id"], signed=False)
    for url in (f"{BASE}/appointments/{visit}", f"{BASE}/record", f"{BASE}/home"):
        page = browser.get(url).text
        assert "Viêm họng cấp" not in page
        assert "Uống nhiều nước ấm" not in page
        assert "15 viên" not in page


def test_an_amended_record_is_read_in_its_current_version(
    sign_in_patient: SignIn, alpha: str, doctor: dict[str, UUID], bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        visit = make_record(browser.person["patient_id"], doctor["id"])
        first = db.session.scalars(sa.select(MedicalRecord)).one()
        first.status, first.is_current = RecordStatus.AMENDED, False
        db.session.flush()
        second = MedicalRecord(
            series_id=first.series_id,
            parent_id=first.id,
            number=2,
            patient_id=first.patient_id,
            appointment_id=visit,
            doctor_id=doctor["id"],
            plan="Súc họng nước muối",
            amendment_reason="Bổ sung",
        )
        db.session.add(second)
        db.session.flush()
        sign(second, doctor["id"])
    page = browser.get(f"{BASE}/appointments/{visit}").text
    assert "Súc họng nước muối" in page
    assert "Uống nhiều nước ấm" not in page
    assert "đã bổ sung ngày" in page
    assert "15 viên" in page, "a prescription that the amendment left alone still stands"


def test_who_has_looked_is_named_with_role_and_oneself_is_you(sign_in_patient: SignIn, alpha: str, bound: Any) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        nurse = factories.make_staff("nurse", full_name="Võ Thị Lan")
        other = factories.make_patient().id
        looker = Actor(ActorKind.STAFF, nurse.id, nurse.full_name)
        for action, patient_id in (("visit.view", browser.person["patient_id"]), ("record.view", other)):
            record_access(looker, action, subject_type="x", subject_id=None, patient_ids=[patient_id])
    browser.get(f"{BASE}/home")
    page = browser.get(f"{BASE}/record/access?who=everybody").text
    assert page.count("Võ Thị Lan") == 1
    assert "(Điều dưỡng)" in page
    assert ">Bạn<" in page
    others = browser.get(f"{BASE}/record/access").text
    assert "Võ Thị Lan" in others
    assert ">Bạn<" not in others


@pytest.mark.parametrize(
    ("page", "action"),
    [
        ("/home", "own.home"),
        ("/appointments", "own.appointments"),
        ("/record", "own.record"),
        ("/record/access", "own.access_log"),
        ("/profile", "own.profile"),
    ],
)
def test_every_page_with_a_patients_data_is_on_record(
    sign_in_patient: SignIn, alpha: str, bound: Any, page: str, action: str
) -> None:
    browser = sign_in_patient(alpha)
    assert browser.get(BASE + page).status_code == 200
    with bound(alpha):
        entry = db.session.scalars(sa.select(AccessEntry)).one()
        assert (entry.action, entry.actor_id) == (action, browser.person["id"])
        assert entry.patient_ids == [browser.person["patient_id"]]


def test_the_profile_shows_only_the_end_of_a_cccd(sign_in_patient: SignIn, alpha: str) -> None:
    browser = sign_in_patient(alpha)
    page = browser.get(f"{BASE}/profile").text
    assert browser.person["cccd"] not in page
    assert browser.person["cccd"][-3:] in page


def test_a_language_that_there_is_not_is_refused(sign_in_patient: SignIn, alpha: str) -> None:
    browser = sign_in_patient(alpha)
    response = browser.submit(f"{BASE}/profile/language", {"locale": "xx"}, page=f"{BASE}/profile")
    assert response.status_code == 422


def test_newcomers_are_told_what_to_do(sign_in_patient: SignIn, alpha: str) -> None:
    browser = sign_in_patient(alpha)
    for page in ("/home", "/appointments", "/record"):
        assert "Đặt lịch khám" in browser.get(BASE + page).text


def test_the_next_visit_comes_first_with_its_code(
    sign_in_patient: SignIn, alpha: str, doctor: dict[str, UUID], bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        facts = {"doctor_id": doctor["id"], "patient_id": browser.person["patient_id"]}
        factories.make_appointment(**facts, starts_at=slot_in(5))
        code = factories.make_appointment(**facts, starts_at=slot_in(2)).code
        factories.make_appointment(**facts, starts_at=slot_in(1), status=AppointmentStatus.CANCELLED)
    page = browser.get(f"{BASE}/home").text
    assert code in page
    assert 'src="data:image/png;base64,' in page


def test_a_list_takes_the_same_queries_however_long_it_is(
    sign_in_patient: SignIn, alpha: str, doctor: dict[str, UUID], bound: Any
) -> None:
    browser = sign_in_patient(alpha)
    found = []
    for more in (1, 12):
        with bound(alpha):
            for number in range(more):
                make_record(browser.person["patient_id"], doctor["id"], days_ago=10 * more + number)
            facts = {"doctor_id": doctor["id"], "patient_id": browser.person["patient_id"]}
            factories.make_appointment(**facts, starts_at=slot_in(more))
        counts = {}
        for page in ("/home", "/appointments", "/record", "/record?page=2", "/record/access"):
            with count_queries() as seen:
                assert browser.get(BASE + page).status_code == 200
            counts[page] = len(seen)
        found.append(counts)
    expected = {"/home": 6, "/appointments": 4, "/record": 5, "/record?page=2": 5, "/record/access": 4}
    assert found == [expected, expected]


@pytest.mark.parametrize("page", ["0", "-3", "99999999999999", "x"])
def test_a_page_number_that_makes_no_sense_is_put_right(sign_in_patient: SignIn, alpha: str, page: str) -> None:
    assert sign_in_patient(alpha).get(f"{BASE}/record?page={page}").status_code == 200


def test_an_ended_session_asks_to_sign_in_again(sign_in_patient: SignIn, alpha: str) -> None:
    browser = sign_in_patient(alpha)
    with clock.frozen_at(clock.now() + timedelta(hours=1)):
        response = browser.get(f"{BASE}/record")
    assert response.status_code == 303
    assert "/h/alpha/patient/sign-in" in response.location
