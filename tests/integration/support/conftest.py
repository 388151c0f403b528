"""An operator who asks, a hospital that answers, and the way in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.centre.sync import synchronise
from app.domain.support.carrying import carry_requests
from app.tenancy.models import OperatorRole, SupportRequest
from tests.support.client import CheckingClient

TOKEN = re.compile(r'name="token" value="([^"]+)"')
HOSPITAL = "/h/alpha/hospital"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def operator(sign_in_operator: Any) -> CheckingClient:
    return sign_in_operator(OperatorRole.SUPPORT, "support.one")  # type: ignore[no-any-return]


@pytest.fixture
def administrator(sign_in_staff: Any, alpha: str) -> CheckingClient:
    return sign_in_staff(alpha, "administrator", email="quan.tri@vien.example")  # type: ignore[no-any-return]


@pytest.fixture
def requests_of(app: Flask) -> Callable[[], list[SupportRequest]]:
    """What the centre knows."""

    def read() -> list[SupportRequest]:
        with app.app_context(), unit_of_work():
            found = list(db.session.scalars(sa.select(SupportRequest).order_by(SupportRequest.id)))
            db.session.expunge_all()
            return found

    return read


@pytest.fixture
def carry(app: Flask) -> Callable[[], None]:
    """Do what the jobs do: the request into the hospital, and the answer back."""

    def work(code: str = "alpha") -> None:
        with app.app_context():
            carry_requests(code)
            synchronise(code)

    return work


@pytest.fixture
def ask(operator: CheckingClient, carry: Any, requests_of: Any, alpha: str) -> Callable[[], UUID]:
    """Have the operator ask alpha; return the request's id."""

    def send(reason: str = "Không in được đơn thuốc") -> UUID:
        page = f"/admin/hospitals/{alpha}/support"
        answer = operator.submit(page, {"reason": reason, "hours": "4"})
        assert answer.status_code == 303, answer.text
        carry()
        return requests_of()[-1].id  # type: ignore[no-any-return]

    return send


@pytest.fixture
def grant(administrator: CheckingClient, carry: Any) -> Callable[..., None]:
    """Have the hospital's administrator let the operator in."""

    def answer(support_id: UUID, *permissions: str, hours: int = 2) -> None:
        page = f"{HOSPITAL}/support/{support_id}"
        sent = {"hours": str(hours), "permissions": list(permissions or ("patients.view", "appointments.view"))}
        response = administrator.submit(f"{page}/grant", sent, page=page)
        assert response.status_code == 303, response.text
        carry()

    return answer


@pytest.fixture
def way_in(operator: CheckingClient) -> Callable[[UUID], str]:
    """Return the token of a hand-off."""

    def make(support_id: UUID) -> str:
        page = operator.submit(f"/admin/support/{support_id}/enter", page="/admin/support")
        assert page.status_code == 200, page.text
        found = TOKEN.search(page.text)
        assert found
        return found.group(1)

    return make


@pytest.fixture
def go_in(app: Flask, way_in: Any) -> Callable[[UUID], CheckingClient]:
    """Return a browser inside the hospital."""

    def enter(support_id: UUID) -> CheckingClient:
        visitor: CheckingClient = app.test_client()  # type: ignore[assignment]
        answer = visitor.post(f"{HOSPITAL}/support-entry", data={"token": way_in(support_id)}, headers=OURS)
        assert (answer.status_code, answer.location) == (303, f"{HOSPITAL}/support/welcome")
        return visitor

    return enter
