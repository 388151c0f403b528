"""The consultation through its pages: note, diagnoses, prescription, signing, amending, conflicts."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.models import AccessEntry, OutboxEvent
from app.domain.prescriptions.models import Medicine, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import MedicalRecord, RecordStatus
from tests.integration.hospital.pages import fields_of
from tests.support.queries import count_queries


def _medicine(bound, name="Paracetamol", strength="500 mg"):
    with bound("alpha"):
        query = sa.select(Medicine.id).where(Medicine.name == name, Medicine.strength == strength)
        return str(db.session.scalars(query.limit(1)).one())


def _write(bound, begun) -> None:
    """Write a note, pick a diagnosis, prescribe."""
    doctor, url = begun.doctor, begun.url
    note = {"assessment": "Viêm họng cấp", "plan": "Nghỉ ngơi"}
    assert doctor.post(url, data=fields_of(doctor.get(url), **note)).status_code == 303
    assert doctor.post(f"{url}/diagnoses", data=fields_of(doctor.get(url), code="J02.9")).status_code == 303
    item = {"medicine_id": _medicine(bound), "dose_amount": "1", "times_per_day": "3", "days": "5"}
    assert doctor.post(f"{url}/medicines", data=fields_of(doctor.get(url), **item)).status_code == 303


def _sign(begun, url=None):
    url = url or begun.url
    return begun.doctor.post(f"{url}/sign", data=fields_of(begun.doctor.get(url)))


def test_a_consultation_is_written_and_signed(bound, alpha, consultation) -> None:
    begun = consultation()
    _write(bound, begun)
    assert _sign(begun).status_code == 303
    with bound(alpha):
        record = db.session.get(MedicalRecord, begun.record_id)
        item = db.session.scalars(sa.select(PrescriptionItem)).one()
        prescription = db.session.scalars(sa.select(Prescription)).one()
        assert (record.status, record.is_current, record.assessment) == (RecordStatus.SIGNED, True, "Viêm họng cấp")
        assert (item.quantity, prescription.status) == (Decimal(15), PrescriptionStatus.SIGNED)
        assert db.session.get(Appointment, begun.id).status is AppointmentStatus.COMPLETED
        kinds = set(db.session.scalars(sa.select(OutboxEvent.kind)))
    assert {"appointment.start", "record.sign", "prescription.sign", "appointment.complete"} <= kinds
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    assert "J02.9" in page
    assert "15 viên" in page
    assert 'name="assessment"' not in page


def test_a_consultation_is_begun_by_a_button_and_never_by_looking(bound, alpha, visit) -> None:
    arrived = visit()
    arrived.doctor.get(f"/h/alpha/hospital/visits/{arrived.id}")
    assert arrived.doctor.get(f"/h/alpha/hospital/visits/{arrived.id}/consultation").status_code == 405
    with bound(alpha):
        assert db.session.get(Appointment, arrived.id).status is AppointmentStatus.ARRIVED


def test_a_patient_who_was_not_checked_in_is_not_seen(visit) -> None:
    booked = visit(AppointmentStatus.BOOKED)
    response = booked.doctor.submit(
        f"/h/alpha/hospital/visits/{booked.id}/consultation", page=f"/h/alpha/hospital/visits/{booked.id}"
    )
    assert response.status_code == 409


def test_another_doctor_reads_but_does_not_write(alpha, consultation, sign_in_staff) -> None:
    begun = consultation()
    other = sign_in_staff(alpha, "doctor")
    page = other.get(begun.url)
    assert page.status_code == 200
    assert 'name="assessment"' not in page.get_data(as_text=True)
    assert other.submit(begun.url, {"assessment": "Khác"}).status_code == 403
    assert other.submit(f"{begun.url}/sign", page=begun.url).status_code == 403


def test_signing_without_assessment_or_primary_diagnosis_says_what_is_missing(consultation) -> None:
    begun = consultation()
    response = _sign(begun)
    assert response.status_code == 422
    assert 'href="#assessment"' in response.get_data(as_text=True)
    form = fields_of(begun.doctor.get(begun.url), assessment="Viêm họng")
    response = begun.doctor.post(f"{begun.url}/sign", data=form)
    assert response.status_code == 422
    assert 'href="#diagnosis_q"' in response.get_data(as_text=True)
    assert "Viêm họng" in response.get_data(as_text=True), "what was typed stays"


def test_the_signed_record_refuses_every_change_through_the_pages(bound, consultation) -> None:
    begun = consultation()
    _write(bound, begun)
    stale = fields_of(begun.doctor.get(begun.url))
    assert _sign(begun).status_code == 303
    for path in ("", "/diagnoses", "/medicines", "/sign"):
        item = {"code": "I10", "medicine_id": _medicine(bound, "Ibuprofen", "400 mg"), "dose_amount": "1"}
        response = begun.doctor.post(begun.url + path, data={**stale, **item, "times_per_day": "1", "days": "1"})
        assert response.status_code == 409, path


def test_an_amendment_makes_version_two_and_exactly_one_is_current(bound, alpha, consultation) -> None:
    begun = consultation()
    _write(bound, begun)
    _sign(begun)
    response = begun.doctor.submit(f"{begun.url}/amend", {"reason": "Ghi nhầm"}, page=begun.url)
    assert response.status_code == 303
    second = response.headers["Location"]
    page = begun.doctor.get(second).get_data(as_text=True)
    assert "J02.9" in page
    assert "Paracetamol" in page
    assert "Viêm họng cấp" in page
    begun.doctor.post(second, data=fields_of(begun.doctor.get(second), plan="Uống nhiều nước"))
    assert _sign(begun, second).status_code == 303
    with bound(alpha):
        versions = db.session.scalars(sa.select(MedicalRecord).order_by(MedicalRecord.number)).all()
        statuses = db.session.scalars(sa.select(Prescription.status).order_by(Prescription.id)).all()
        assert [(v.number, v.status, v.is_current) for v in versions] == [
            (1, RecordStatus.AMENDED, False),
            (2, RecordStatus.SIGNED, True),
        ]
    assert statuses == [PrescriptionStatus.CANCELLED, PrescriptionStatus.SIGNED]
    compared = begun.doctor.get(f"{second}/compare").get_data(as_text=True)
    assert "Nghỉ ngơi" in compared
    assert "Uống nhiều nước" in compared
    assert begun.doctor.submit(f"{begun.url}/amend", {"reason": "Nữa"}, page=second).status_code == 409


def test_two_windows_at_once_show_both_texts_and_lose_nothing(bound, alpha, consultation) -> None:
    begun = consultation()
    one, two = fields_of(begun.doctor.get(begun.url)), fields_of(begun.doctor.get(begun.url))
    assert begun.doctor.post(begun.url, data={**one, "plan": "Từ cửa sổ một"}).status_code == 303
    conflict = begun.doctor.post(begun.url, data={**two, "plan": "Từ cửa sổ hai", "history": "Ho ba ngày"})
    page = conflict.get_data(as_text=True)
    assert conflict.status_code == 409
    assert "Từ cửa sổ một" in page
    assert "Từ cửa sổ hai" in page
    assert "Ho ba ngày" in page
    with bound(alpha):
        assert db.session.get(MedicalRecord, begun.record_id).plan == "Từ cửa sổ một"
    chosen = fields_of(conflict)
    assert begun.doctor.post(begun.url, data=chosen).status_code == 303
    with bound(alpha):
        record = db.session.get(MedicalRecord, begun.record_id)
        assert (record.plan, record.history) == ("Từ cửa sổ hai", "Ho ba ngày")


def test_a_save_in_the_background_that_conflicts_keeps_the_page(consultation) -> None:
    begun = consultation()
    one, two = fields_of(begun.doctor.get(begun.url)), fields_of(begun.doctor.get(begun.url))
    begun.doctor.post(begun.url, data={**one, "plan": "Một"})
    response = begun.doctor.post(begun.url, data={**two, "plan": "Hai"}, headers={"HX-Request": "true"})
    assert (response.status_code, response.headers["HX-Retarget"]) == (409, "#conflict")


def test_a_page_that_is_behind_its_own_background_save_does_not_conflict(consultation) -> None:
    begun = consultation()
    typed = fields_of(begun.doctor.get(begun.url), plan="Nghỉ ngơi")
    saved = begun.doctor.post(begun.url, data=typed, headers={"HX-Request": "true"})
    assert saved.status_code == 200
    assert 'name="version"' in saved.get_data(as_text=True)
    assert begun.doctor.post(f"{begun.url}/diagnoses", data={**typed, "code": "I10"}).status_code == 303


def test_a_save_in_the_background_is_not_one_more_look_at_the_patient(consultation, bound, alpha) -> None:
    begun = consultation()
    typed = fields_of(begun.doctor.get(begun.url), plan="Nghỉ ngơi")
    before = _looks(bound, alpha)
    assert before > 0
    assert begun.doctor.post(begun.url, data=typed, headers={"HX-Request": "true"}).status_code == 200
    assert _looks(bound, alpha) == before


def _looks(bound, code: str) -> int:
    with bound(code):
        return db.session.scalar(sa.select(sa.func.count()).select_from(AccessEntry))


def test_diagnoses_added_in_another_window_are_not_signed_unseen(consultation, bound) -> None:
    begun = consultation()
    _write(bound, begun)
    seen = fields_of(begun.doctor.get(begun.url))
    begun.doctor.post(f"{begun.url}/diagnoses", data=fields_of(begun.doctor.get(begun.url), code="I10"))
    assert begun.doctor.post(f"{begun.url}/sign", data=seen).status_code == 409


def test_another_primary_diagnosis_is_not_signed_unseen(consultation, bound) -> None:
    begun = consultation()
    _write(bound, begun)
    begun.doctor.post(f"{begun.url}/diagnoses", data=fields_of(begun.doctor.get(begun.url), code="I10"))
    page = begun.doctor.get(begun.url)
    seen, other = fields_of(page), page.get_data(as_text=True).split("/primary", 1)[0].rsplit("/", 1)[1]
    begun.doctor.post(f"{begun.url}/diagnoses/{other}/primary", data=fields_of(page))
    assert begun.doctor.post(f"{begun.url}/sign", data=seen).status_code == 409
    assert _sign(begun).status_code == 303


@pytest.mark.parametrize("typed", [{"dose_amount": "1"}, {"instructions": "Uống sau ăn"}, {"medicine_id": "chosen"}])
def test_a_medicine_that_was_not_added_is_told_before_signing_and_kept(bound, alpha, consultation, typed) -> None:
    begun = consultation()
    _write(bound, begun)
    if "medicine_id" in typed:
        typed = {"medicine_id": _medicine(bound, "Amoxicilin"), "medicine_q": "amoxicilin"}
    told = begun.doctor.post(
        f"{begun.url}/sign", data=fields_of(begun.doctor.get(begun.url), plan="Khám lại sau 3 ngày", **typed)
    )
    page = told.get_data(as_text=True)
    assert told.status_code == 422
    assert 'href="#medicine_q"' in page
    assert "Khám lại sau 3 ngày" in page
    assert all(value in page for value in typed.values())
    kept = fields_of(told)
    assert kept == kept | {name: value for name, value in typed.items() if name != "medicine_id"}
    assert begun.doctor.post(f"{begun.url}/sign", data=kept | typed | {"leave_medicine": "1"}).status_code == 303
    with bound(alpha):
        assert len(db.session.scalars(sa.select(PrescriptionItem)).all()) == 1


@pytest.mark.parametrize("typed", ["1.000", "1,000"])
def test_an_ambiguous_dose_is_asked_back_and_the_rest_stays(bound, alpha, consultation, typed) -> None:
    begun = consultation()
    item = {"medicine_id": _medicine(bound), "dose_amount": typed, "times_per_day": "2", "days": "5"}
    form = fields_of(begun.doctor.get(begun.url), plan="Đang viết dở", medicine_q="paracetamol", **item)
    response = begun.doctor.post(f"{begun.url}/medicines", data=form)
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert 'href="#dose_amount"' in page
    assert "Đang viết dở" in page
    assert f'value="{typed}"' in page
    with bound(alpha):
        assert db.session.scalars(sa.select(PrescriptionItem)).all() == []


def test_the_same_medicine_is_not_prescribed_twice(bound, alpha, consultation) -> None:
    begun = consultation()
    item = {"medicine_id": _medicine(bound), "dose_amount": "1", "times_per_day": "2", "days": "5"}
    for expected in (303, 422):
        form = fields_of(begun.doctor.get(begun.url), **item)
        assert begun.doctor.post(f"{begun.url}/medicines", data=form).status_code == expected


def test_a_new_primary_diagnosis_makes_the_former_secondary(bound, consultation) -> None:
    begun = consultation()
    for code in ("J02.9", "I10"):
        begun.doctor.post(f"{begun.url}/diagnoses", data=fields_of(begun.doctor.get(begun.url), code=code))
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    primary = page.split("/primary", 1)[0].rsplit("/", 1)[1]
    response = begun.doctor.post(
        f"{begun.url}/diagnoses/{primary}/primary", data=fields_of(begun.doctor.get(begun.url))
    )
    assert response.status_code == 303
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    assert page.index("I10") < page.index("J02.9"), "the primary one stands first"


def test_searches_work_without_javascript_and_keep_what_was_typed(bound, alpha, consultation) -> None:
    begun = consultation()
    form = fields_of(begun.doctor.get(begun.url), history="Ho khan", diagnosis_q="viem hong", act="enter")
    response = begun.doctor.post(begun.url, data=form)
    page = begun.doctor.get(response.headers["Location"]).get_data(as_text=True)
    assert "J02" in page
    assert "Ho khan" in page


def test_searches_answer_htmx_with_their_results_alone(consultation) -> None:
    begun = consultation()
    for url in ("diagnoses?diagnosis_q=i10", "medicines?medicine_q=para&choosing=1"):
        page = begun.doctor.get(f"/h/alpha/hospital/{url}", headers={"HX-Request": "true"}).get_data(as_text=True)
        assert "<html" not in page
        assert "picks" in page


def test_the_page_of_a_consultation_costs_a_fixed_number_of_statements(bound, consultation) -> None:
    begun = consultation()
    counts = []
    for code in (None, "J02.9", "I10"):
        if code:
            sent = fields_of(begun.doctor.get(begun.url), code=code)
            assert begun.doctor.post(f"{begun.url}/diagnoses", data=sent).status_code == 303
            sent = fields_of(begun.doctor.get(begun.url), code=code)
            assert begun.doctor.post(f"{begun.url}/problems", data=sent).status_code == 303
        with count_queries() as statements:
            begun.doctor.get(begun.url)
        counts.append(len(statements))
    assert len(set(counts)) == 1
    assert counts[0] <= 24
