"""A suspended hospital is closed from the next request on, and open again after resuming."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.models import PlatformAuditEntry
from tests.support.client import CheckingClient

SignIn = Callable[..., CheckingClient]

PAGE = "/admin/hospitals/alpha"


def test_the_next_request_finds_the_hospital_closed(
    app: Flask, alpha: str, sign_in_operator: SignIn, sign_in_staff: SignIn
) -> None:
    doctor = sign_in_staff("alpha")
    assert doctor.get("/h/alpha/hospital/today").status_code == 200
    operator = sign_in_operator()
    assert operator.submit(f"{PAGE}/suspend", {"reason": "Hợp đồng hết hạn"}, page=PAGE).status_code == 303
    closed = doctor.get("/h/alpha/hospital/today")
    assert closed.status_code == 503
    assert "tạm ngừng" in closed.get_data(as_text=True).casefold()
    assert "Hợp đồng" not in closed.get_data(as_text=True), "the reason is for operators"
    assert "Hợp đồng hết hạn" in operator.get(PAGE).get_data(as_text=True)
    assert operator.get("/h/beta/hospital/sign-in").status_code == 200
    assert operator.submit(f"{PAGE}/resume", page=PAGE).status_code == 303
    assert doctor.get("/h/alpha/hospital/today").status_code == 200
    with app.app_context(), unit_of_work() as session:
        query = sa.select(PlatformAuditEntry.action, PlatformAuditEntry.risk).where(
            PlatformAuditEntry.action.in_(("hospital.suspend", "hospital.resume"))
        )
        assert sorted(session.execute(query).all()) == [("hospital.resume", "high"), ("hospital.suspend", "high")]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_reason_is_needed_and_has_an_end(sign_in_operator: SignIn, reason: str) -> None:
    operator = sign_in_operator()
    response = operator.submit(f"{PAGE}/suspend", {"reason": reason}, page=PAGE)
    assert response.status_code == 422
    assert 'id="reason-error"' in response.get_data(as_text=True)
    assert operator.get("/h/alpha/hospital/sign-in").status_code == 200


def test_suspending_twice_and_resuming_what_serves_is_a_conflict(sign_in_operator: SignIn) -> None:
    operator = sign_in_operator()
    operator.submit(f"{PAGE}/suspend", {"reason": "Bảo trì"}, page=PAGE)
    assert operator.submit(f"{PAGE}/suspend", {"reason": "Bảo trì"}, page=PAGE).status_code == 409
    operator.submit(f"{PAGE}/resume", page=PAGE)
    assert operator.submit(f"{PAGE}/resume", page=PAGE).status_code == 409


def test_suspending_without_the_forms_token_does_nothing(sign_in_operator: SignIn) -> None:
    operator = sign_in_operator()
    assert operator.post(f"{PAGE}/suspend", data={"reason": "Bảo trì"}).status_code == 400
    assert operator.get("/h/alpha/hospital/sign-in").status_code == 200
