"""What a hospital's own rules ask of passwords holds where one is chosen: length, history, expiry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.core import clock
from app.core.db import db
from app.domain.identity.models import StaffUser
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient

URL = "/h/alpha/hospital/account/password"
SHORT, LONG = "trang-len-nui", "trang-len-dinh-nui-xanh"


def change(browser: CheckingClient, present: str, new: str) -> Any:
    return browser.submit(URL, {"present": present, "password": new})


def test_a_hospital_asks_for_more(alpha: str, sign_in_staff, rules, bound, client: CheckingClient) -> None:
    nurse = sign_in_staff(alpha, "nurse")
    rules.policy("alpha", "hospital", shortest_password=16, password_history=3, password_days=90)
    refused = change(nurse, PASSWORD, SHORT)
    assert refused.status_code == 422
    assert "16" in refused.get_data(as_text=True)
    assert change(nurse, PASSWORD, LONG).status_code == 303
    assert change(nurse, LONG, PASSWORD).status_code == 422, "it was used before"
    with bound(alpha):
        account = db.session.get_one(StaffUser, nurse.person["id"])
        account.password_changed_at = clock.now() - timedelta(days=91)
    signed_in = client.submit("/h/alpha/hospital/sign-in", {"username": nurse.person["username"], "password": LONG})
    assert signed_in.status_code == 303
    assert client.get("/h/alpha/hospital/today").location == URL
