"""A forgotten password at the front door: each hospital that knows the person writes, and nobody learns which do."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.domain.identity import front_door_resets
from app.domain.identity.front_door_resets import send_everywhere
from app.domain.messages.models import OutboundMessage
from tests import factories
from tests.support.client import CheckingClient, said_by
from tests.support.queries import count_queries

ASK = "/patient/forgotten-password"


@pytest.fixture
def known(app: Flask, alpha: str, beta: str, bound) -> str:
    """The CCCD of somebody whom both hospitals know, one of them with an address."""
    with bound(alpha):
        patient = factories.make_patient(email="nguoi.benh@example.vn")
        factories.make_patient_user(patient)
        cccd = patient.cccd
    with bound(beta):
        factories.make_patient_user(factories.make_patient(cccd=cccd))
    return str(cccd)


def asked(client: CheckingClient, number: str, jobs: list) -> tuple[str, int]:
    token = client.csrf_token(ASK)
    before = len(jobs)
    with count_queries() as seen:
        answer = client.post(ASK, data={"csrf_token": token, "username": number})
    assert answer.status_code == 200
    assert len(jobs) == before + 1
    return said_by(answer), len(seen)


def test_each_hospital_writes_its_own_letter_and_the_page_tells_nothing(
    app: Flask, client: CheckingClient, known: str, bound, monkeypatch, alpha: str, beta: str
) -> None:
    jobs: list = []
    monkeypatch.setattr(front_door_resets, "enqueue", lambda name, sealed: bool(jobs.append(sealed)))
    assert asked(client, known, jobs) == asked(client, "0912 345 678", jobs)
    assert known not in str(jobs)
    with app.app_context():
        monkeypatch.setattr(front_door_resets, "find_hospitals", lambda index, identifier: [alpha, beta])
        assert send_everywhere(jobs[0]) == 2
    with bound(alpha):
        link = re.search(
            r"(/h/alpha/patient/reset/[\w-]{43})", db.session.scalars(sa.select(OutboundMessage.body)).one()
        )
    with bound(beta):
        assert db.session.scalar(sa.select(sa.func.count(OutboundMessage.id))) == 0
    assert client.submit(link[1], {"password": "trang-len-xanh"}).status_code == 303


def test_what_is_no_number_is_refused(client: CheckingClient, app: Flask) -> None:
    assert client.submit(ASK, {"username": "không phải số"}).status_code == 422
