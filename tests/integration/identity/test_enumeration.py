"""Nobody can find out who has an account: what is refused costs the same statements and hashes, and says the same."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.identity import passwords
from app.domain.identity.models import StaffUser
from app.domain.identity.operators import create_operator, get_operator
from app.tenancy.models import OperatorRole
from app.web.security import limiter
from tests import factories
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient, said_by
from tests.support.platform import ACTOR
from tests.support.queries import count_queries

Cost = tuple[int, list[str], int, str]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often a password was compared with a hash."""
    seen: list[str] = []
    inner = passwords._hasher.verify

    class Counting:
        hash = staticmethod(passwords._hasher.hash)

        def verify(self, stored: str, password: str) -> bool:
            seen.append(stored)
            return inner(stored, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    return seen


def cost_of(client: CheckingClient, url: str, username: str, password: str, verified: list[str]) -> Cost:
    limiter.reset()
    token = client.csrf_token(url)
    verified.clear()
    with count_queries() as seen:
        answer = client.post(url, data={"csrf_token": token, "username": username, "password": password})
    page = said_by(answer)
    return answer.status_code, [re.sub(r"\s+", " ", one)[:60] for one in seen], len(verified), page


def same(costs: dict[str, Cost]) -> None:
    status, statements, hashes, page = costs["unknown"]
    assert (status, hashes) == (422, 1)
    for who, cost in costs.items():
        assert cost[0] == status, who
        assert cost[1] == statements, who
        assert cost[2] == hashes, who
        assert cost[3] == page, who


def test_staff(alpha: str, bound, client: CheckingClient, verified: list[str]) -> None:
    with bound(alpha):
        names = {who: factories.make_staff("nurse").username for who in ("known", "throttled", "closed", "invited")}
        for who, change in {
            "throttled": {"throttled_until": clock.now() + timedelta(minutes=5)},
            "closed": {"disabled_at": clock.now()},
            "invited": {"password_hash": passwords.NO_PASSWORD},
        }.items():
            account = db.session.query(StaffUser).filter_by(username=names[who]).one()
            for name, value in change.items():
                setattr(account, name, value)
    url = "/h/alpha/hospital/sign-in"
    costs = {who: cost_of(client, url, name, "khong-phai-mat-khau", verified) for who, name in names.items()}
    costs |= {f"{who}, right": cost_of(client, url, names[who], PASSWORD, verified) for who in ("throttled", "closed")}
    same({"unknown": cost_of(client, url, "khong.co.ai", "khong-phai-mat-khau", verified), **costs})


def test_patients(alpha: str, bound, client: CheckingClient, verified: list[str]) -> None:
    with bound(alpha):
        patient, closed = factories.make_patient(), factories.make_patient()
        nobody = factories.make_patient()
        factories.make_patient_user(patient)
        factories.make_patient_user(closed).disabled_at = clock.now()
        numbers = {"known": patient.cccd, "closed": closed.cccd, "without account": nobody.cccd}
    url = "/h/alpha/patient/sign-in"
    costs: dict[str, Any] = {who: cost_of(client, url, cccd, "sai-mat-khau", verified) for who, cccd in numbers.items()}
    costs["closed, right"] = cost_of(client, url, numbers["closed"], PASSWORD, verified)
    same({"unknown": cost_of(client, url, "0912345678", "sai-mat-khau", verified), **costs})


def test_operators(app: Flask, client: CheckingClient, verified: list[str]) -> None:
    with app.app_context(), unit_of_work():
        user_id = create_operator(
            ACTOR,
            username="ops",
            full_name="Vận Hành",
            email="o@vien.example",
            role=OperatorRole.SUPPORT,
            password=PASSWORD,
        ).id
    url = "/admin/sign-in"
    costs = {"known": cost_of(client, url, "ops", "khong-phai-mat-khau", verified)}
    with app.app_context(), unit_of_work():
        get_operator(user_id).disabled_at = clock.now()
    costs["closed, right"] = cost_of(client, url, "ops", PASSWORD, verified)
    same({"unknown": cost_of(client, url, "khong.co.ai", "khong-phai-mat-khau", verified), **costs})
