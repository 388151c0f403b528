"""Patients at the desk: found, registered, corrected, and never another hospital's."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.audit.models import AccessEntry, OutboxEvent
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import AllergyState, Patient, PatientAllergy, Sex
from tests import factories
from tests.integration.hospital.pages import fields_of

HOME = "/h/alpha/hospital"
NEW = {
    "full_name": "Nguyễn Thị Ánh Tuyết",
    "born_on": "15031984",
    "sex": "female",
    "cccd": compose_cccd("001", Sex.FEMALE, 1984, 7),
    "bhyt": "GD 4 79 0123456789",
    "phone": "0912 345 678",
    "province": "Hà Nội",
    "allergy_state": "known",
    "allergies": "Penicillin: nổi mề đay\nTôm",
}


def _register(desk, **changes):
    page = desk.get(f"{HOME}/patients/new")
    return desk.post(f"{HOME}/patients", data=fields_of(page, **{**NEW, **changes}))


@pytest.fixture
def known(bound, alpha):
    """A patient with every number."""
    with bound(alpha):
        facts = {"bhyt": "GD4790123456789", "phone": "+84912345678", "born_on": date(1984, 3, 15)}
        patient = factories.make_patient(full_name="Đặng Thị Ngọc Ánh", sex=Sex.FEMALE, **facts)
        return {"id": patient.id, "code": patient.code, "cccd": patient.cccd}


def test_a_patient_is_registered_as_people_write(bound, alpha, sign_in_staff) -> None:
    response = _register(sign_in_staff(alpha, "receptionist"))
    assert response.status_code == 303
    with bound(alpha):
        patient = db.session.scalars(sa.select(Patient)).one()
        assert (patient.born_on, patient.phone, patient.bhyt) == (date(1984, 3, 15), "+84912345678", "GD4790123456789")
        assert patient.allergy_state is AllergyState.KNOWN
        rows = db.session.execute(sa.select(PatientAllergy.substance, PatientAllergy.reaction)).all()
        assert sorted(map(tuple, rows), key=str) == [("Penicillin", "nổi mề đay"), ("Tôm", None)]
        event = db.session.scalars(sa.select(OutboxEvent).where(OutboxEvent.kind == "patient.register")).one()
        assert event.payload == {"patient_version": 1}


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("full_name", " "),
        ("full_name", "a" * 201),
        ("born_on", "31021984"),
        ("born_on", "01012999"),
        ("cccd", "123"),
        ("cccd", compose_cccd("001", Sex.MALE, 1984, 7)),
        ("cccd", compose_cccd("001", Sex.FEMALE, 1985, 7)),
        ("bhyt", "XX"),
        ("phone", "12"),
        ("email", "ten@"),
        ("allergies", ""),
    ],
)
def test_a_wrong_field_is_said_at_the_field_and_nothing_is_lost(bound, alpha, sign_in_staff, field, typed) -> None:
    response = _register(sign_in_staff(alpha, "receptionist"), **{field: typed})
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert f'href="#{field}"' in page
    assert "<title>Lỗi:" in page
    with bound(alpha):
        assert db.session.scalars(sa.select(Patient)).all() == []


def test_a_known_cccd_leads_to_the_patient_who_has_it(alpha, sign_in_staff, known) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    response = _register(desk, cccd=known["cccd"])
    assert response.status_code == 422
    assert f"{HOME}/patients/{known['id']}" in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "typed",
    ["dang thi", "NGOC ANH", "Ngọc", unicodedata.normalize("NFD", "Đặng Thị Ngọc"), "anh dang", "  ngọc   ánh "],
)
def test_a_patient_is_found_by_parts_of_the_name(alpha, sign_in_staff, known, typed) -> None:
    page = sign_in_staff(alpha, "nurse").get(f"{HOME}/search", query_string={"q": typed})
    assert known["code"] in page.get_data(as_text=True)


@pytest.mark.parametrize("form", ["code", "bare code", "cccd", "bhyt", "phone", "phone +84"])
def test_a_number_leads_straight_to_its_patient(alpha, sign_in_staff, known, form) -> None:
    typed = {
        "code": known["code"].lower(),
        "bare code": known["code"].removeprefix("BN-").lstrip("0"),
        "cccd": " ".join((known["cccd"][:6], known["cccd"][6:])),
        "bhyt": "gd 4 79 0123456789",
        "phone": "0912.345.678",
        "phone +84": "+84 912 345 678",
    }[form]
    response = sign_in_staff(alpha, "nurse").get(f"{HOME}/search", query_string={"q": typed})
    assert response.status_code == 303
    assert response.headers["Location"].endswith(str(known["id"]))


@pytest.mark.parametrize("typed", ["", "a", "%", "_", "%%__", "zzzz", "'; --", "x" * 5000, "0" * 40])
def test_a_search_that_finds_nobody_is_a_page(alpha, sign_in_staff, known, typed) -> None:
    response = sign_in_staff(alpha, "nurse").get(f"{HOME}/search", query_string={"q": typed})
    assert response.status_code == 200
    assert known["code"] not in response.get_data(as_text=True)


def test_who_was_found_is_on_record(bound, alpha, sign_in_staff, known) -> None:
    nurse = sign_in_staff(alpha, "nurse")
    nurse.get(f"{HOME}/search?q=ngoc")
    with bound(alpha):
        entry = db.session.scalars(sa.select(AccessEntry).where(AccessEntry.action == "patient.search")).one()
        assert (entry.patient_ids, entry.actor_id) == ([known["id"]], nurse.person["id"])


def test_another_hospitals_patient_does_not_exist_here(alpha, beta, sign_in_staff, known) -> None:
    stranger = sign_in_staff(beta, "doctor")
    for path in ("", "/vitals", "/vitals/new", "/allergies"):
        assert stranger.get(f"/h/beta/hospital/patients/{known['id']}{path}").status_code == 404


def test_a_receptionist_sees_no_clinical_data(alpha, sign_in_staff, known) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    assert desk.get(f"{HOME}/patients/{known['id']}").status_code == 200
    assert desk.get(f"{HOME}/patients/{known['id']}/vitals").status_code == 403
    assert desk.get(f"{HOME}/diagnoses").status_code == 403


def test_two_people_who_correct_at_once_choose_and_lose_nothing(bound, alpha, sign_in_staff, known) -> None:
    url = f"{HOME}/patients/{known['id']}"
    one, two = sign_in_staff(alpha, "receptionist"), sign_in_staff(alpha, "receptionist")
    mine, theirs = fields_of(one.get(f"{url}/edit")), fields_of(two.get(f"{url}/edit"))
    assert two.post(url, data={**theirs, "ward": "Phường Ba Đình"}).status_code == 303
    conflict = one.post(url, data={**mine, "ward": "Phường Hoàn Kiếm", "street": "12 Tràng Tiền"})
    page = conflict.get_data(as_text=True)
    assert conflict.status_code == 409
    assert two.person["full_name"] in page
    assert all(text in page for text in ("Phường Ba Đình", "Phường Hoàn Kiếm", "12 Tràng Tiền"))
    assert one.post(url, data=fields_of(conflict, ward="Phường Ba Đình")).status_code == 303
    with bound(alpha):
        patient = db.session.get(Patient, known["id"])
        assert (patient.ward, patient.street, patient.version) == ("Phường Ba Đình", "12 Tràng Tiền", 3)


@pytest.fixture
def treated(bound, alpha, known):
    """The patient has a visit in the department in which the people of these tests work."""
    with bound(alpha):
        factories.make_appointment(patient_id=known["id"])
    return known


def test_allergies_that_change_make_a_new_version(bound, alpha, sign_in_staff, known, treated) -> None:
    nurse = sign_in_staff(alpha, "nurse")
    url = f"{HOME}/patients/{known['id']}/allergies"
    form = fields_of(nurse.get(url), allergy_state="known", allergies="Aspirin: khó thở")
    assert nurse.post(url, data=form).status_code == 303
    assert "Aspirin" in nurse.get(f"{HOME}/patients/{known['id']}").get_data(as_text=True)
    assert nurse.post(url, data=form).status_code == 409


def test_who_has_looked_is_for_those_who_may_ask(alpha, sign_in_staff, known, treated) -> None:
    nurse = sign_in_staff(alpha, "nurse")
    nurse.get(f"{HOME}/patients/{known['id']}")
    page = sign_in_staff(alpha, "administrator").get(f"{HOME}/patients/{known['id']}/access")
    assert nurse.person["full_name"] in page.get_data(as_text=True)
    assert nurse.get(f"{HOME}/patients/{known['id']}/access").status_code == 403
