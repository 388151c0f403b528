"""The desk joins a registration that was made twice: names the first, looks at both, confirms."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.db import db
from app.domain.patients.models import Patient, PatientMerge
from tests.integration.jobs.test_sync import register

BASE = "/h/alpha/hospital/patients"


def test_a_second_registration_is_joined_after_both_were_shown(bound, alpha: str, sign_in_staff) -> None:
    with bound(alpha):
        first, second = register(full_name="Trần Văn Trước"), register(full_name="Trần Văn Sau")
        first_id, second_id, code = first.id, second.id, first.code
    browser = sign_in_staff(alpha, "receptionist")
    page = f"{BASE}/{second_id}/merge"
    assert page in browser.get(f"{BASE}/{second_id}/edit").text
    for wrong in ("BN-999999", "", "<b>"):
        shown = browser.get(page, query_string={"into": wrong})
        assert shown.status_code == (422 if wrong else 200)
        assert "Trần Văn Sau" in shown.text
    both = browser.get(page, query_string={"into": code.lower()})
    assert both.status_code == 200
    assert "Trần Văn Trước" in both.text
    token = {"into": str(first_id), "version": "1"}
    assert browser.submit(page, {**token, "into": "x"}, page=f"{page}?into={code}").status_code == 422
    joined = browser.submit(page, token, page=f"{page}?into={code}")
    assert joined.status_code == 303
    assert joined.location.endswith(f"/patients/{first_id}")
    assert browser.get(page).status_code == 404
    with bound(alpha):
        assert db.session.scalars(sa.select(PatientMerge.into_id)).one() == first_id
        assert db.session.get_one(Patient, second_id).deleted_at is not None


def test_a_doctor_joins_nobody(bound, alpha: str, sign_in_staff) -> None:
    with bound(alpha):
        patient_id = register().id
    assert sign_in_staff(alpha, "doctor").get(f"{BASE}/{patient_id}/merge").status_code == 403
