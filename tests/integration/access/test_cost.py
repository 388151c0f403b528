"""Narrowing costs no further statement on a page of a patient, and one at most on what changes something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import factories
from tests.support.queries import count_queries

HOME = "/h/alpha/hospital"
# As many as before roles had scopes: session, patient, visits, access log, and what the page lists.
PAGES = {"": 7, "/vitals": 4, "/vitals/new": 5, "/allergies": 3}


@pytest.mark.parametrize("path", PAGES)
def test_a_patients_page_asks_no_more_than_before(
    path: str, bound: Any, alpha: str, sign_in_staff: Callable[..., Any]
) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    with bound(alpha):
        patient = factories.make_patient()
        factories.make_appointment(patient_id=patient.id, doctor_id=doctor.person["id"])
        url = f"{HOME}/patients/{patient.id}{path}"
    doctor.get(url)
    with count_queries() as statements:
        assert doctor.get(url).status_code == 200
    assert len(statements) <= PAGES[path], list(statements)


def test_a_search_asks_no_more_than_before(bound: Any, alpha: str, sign_in_staff: Callable[..., Any]) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    with bound(alpha):
        factories.make_patient(full_name="Trần Văn Tìm")
    doctor.get(f"{HOME}/search?q=van")
    with count_queries() as statements:
        doctor.get(f"{HOME}/search?q=van tim")
    assert len(statements) <= 4, list(statements)


def test_a_refusal_is_cheap(bound: Any, alpha: str, sign_in_staff: Callable[..., Any]) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    with bound(alpha):
        url = f"{HOME}/patients/{factories.make_patient().id}"
    doctor.get(url)
    with count_queries() as statements:
        assert doctor.get(url).status_code == 403
    assert len(statements) <= 5, list(statements)
