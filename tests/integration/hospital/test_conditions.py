"""The problem list: kept by doctors, never twice the same, changed by one at a time, struck out with a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.core.actor import system_actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.domain.records.conditions import add_condition, format_onset, parse_onset
from app.domain.records.models import PatientCondition
from tests.integration.hospital.pages import fields_of
from tests.support.queries import count_queries


def pages(patient_id) -> str:
    return f"/h/alpha/hospital/patients/{patient_id}/conditions"


@pytest.mark.parametrize(
    ("typed", "kept", "shown"),
    [
        ("2019", "2019", "2019"),
        ("3/2019", "2019-03", "03/2019"),
        ("15031984", "1984-03-15", "15/03/1984"),
        (" ", None, ""),
    ],
)
def test_since_when_is_as_exact_as_it_is_known(typed: str, kept: str | None, shown: str) -> None:
    assert parse_onset(typed) == kept
    assert format_onset(kept) == shown


def test_a_problem_is_added_changed_and_struck_out(bound, alpha, visit) -> None:
    seen = visit()
    doctor, url = seen.doctor, pages(seen.patient_id)
    assert doctor.submit(url, {"code": "I10", "onset": "2019"}, page=url).status_code == 303
    with count_queries() as queries:
        page = doctor.get(url).get_data(as_text=True)
    assert "I10" in page
    assert len(queries) <= 12
    with bound(alpha):
        condition_id = db.session.scalars(sa.select(PatientCondition.id)).one()
    one = f"/h/alpha/hospital/conditions/{condition_id}"
    sent = fields_of(doctor.get(one), status="resolved", note="Đã ngừng thuốc")
    assert doctor.post(one, data=sent).status_code == 303
    assert doctor.post(one, data={**sent, "note": "Khác"}).status_code == 409
    assert doctor.submit(f"{one}/strike", {"reason": "Nhầm người", "version": "2"}, page=one).status_code == 303
    assert "Nhầm người" in doctor.get(url).get_data(as_text=True)
    assert doctor.submit(f"{one}/strike", {"reason": "Lần nữa", "version": "3"}, page=url).status_code == 409


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("title", {}),
        ("onset", {"title": "Đau lưng", "onset": "2999"}),
        ("onset", {"title": "Đau lưng", "onset": "1850"}),
        ("onset", {"title": "Đau lưng", "onset": "hồi nhỏ"}),
        ("title", {"code": "X99.999"}),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(bound, alpha, visit, field, values) -> None:
    seen = visit()
    response = seen.doctor.submit(pages(seen.patient_id), values, page=pages(seen.patient_id))
    assert response.status_code == 422
    assert f'href="#{field}"' in response.get_data(as_text=True)
    with bound(alpha):
        assert db.session.scalars(sa.select(PatientCondition)).all() == []


def test_two_who_add_the_same_problem_at_once_add_it_once(app, bound, alpha, visit) -> None:
    seen = visit()

    def add(_number: int) -> bool:
        with bound(alpha):
            try:
                add_condition(system_actor("test"), seen.patient_id, code="E11.9")
            except InvalidValue:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(add, range(4)))
    assert sorted(done) == [False, False, False, True]


def test_a_diagnosis_of_the_visit_is_kept_with_what_was_typed(bound, alpha, consultation) -> None:
    begun = consultation()
    doctor, url = begun.doctor, begun.url
    assert doctor.post(f"{url}/diagnoses", data=fields_of(doctor.get(url), code="I10")).status_code == 303
    sent = fields_of(doctor.get(url), code="I10", plan="Ăn nhạt")
    assert doctor.post(f"{url}/problems", data=sent).status_code == 303
    page = doctor.get(url).get_data(as_text=True)
    assert "Ăn nhạt" in page
    with bound(alpha):
        assert db.session.scalars(sa.select(PatientCondition.code)).all() == ["I10"]
    assert doctor.post(f"{url}/problems", data=fields_of(doctor.get(url), code="I10")).status_code == 422


def test_a_nurse_reads_the_list_and_a_receptionist_does_not(alpha, visit, sign_in_staff) -> None:
    seen = visit()
    page = sign_in_staff(alpha, "receptionist").get(pages(seen.patient_id))
    assert page.status_code == 403
