"""Web push over a push service of our own: what arrives is sealed and says nothing; who is gone is forgotten."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import http_ece
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, Response, request
from py_vapid import Vapid02
from werkzeug.serving import make_server

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.messages.delivery import deliver_due
from app.domain.messages.gateway_store import hospital_transports
from app.domain.messages.models import Channel, MessageState, OutboundMessage, PushSubscription
from app.domain.messages.operations import queue_message
from app.domain.messages.template_kinds import CONFIRMATION
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment

ACCOUNT = "/h/alpha/patient/account"
ON, OFF = "/h/alpha/patient/messages/notifications", "/h/alpha/patient/messages/notifications/off"


@dataclass
class PushService:
    """What a browser's maker runs: it answers with a status, and keeps what came."""

    port: int = 0
    status: int = 201
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def endpoint(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/push/{name}"


class Browser:
    """The keys of a browser that has subscribed."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)

    def answer(self, endpoint: str) -> dict[str, str]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": endpoint, "p256dh": _text(point), "auth": _text(self.auth)}

    def open(self, sealed: bytes) -> dict[str, str]:
        plain: bytes = http_ece.decrypt(sealed, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        found: dict[str, str] = json.loads(plain)
        return found


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture
def push_service() -> Iterator[PushService]:
    service = PushService()
    app = Flask("push-service")

    @app.post("/push/<name>")
    def take(name: str) -> Response:
        service.came.append((name, dict(request.headers), request.get_data()))
        return Response(status=410 if name == "gone" else service.status)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    service.port = server.port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield service
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def deliver(app: Flask, alpha: str) -> Callable[[], int]:
    def run() -> int:
        with app.app_context(), bind_hospital(alpha):
            with unit_of_work():
                transports = hospital_transports()
            return deliver_due(transports)

    return run


def queue(patient_id: UUID, account_id: UUID) -> None:
    patient = db.session.get_one(Patient, patient_id)
    visit = make_appointment(patient_id=patient_id, starts_at=clock.now() + timedelta(days=2))
    recipient = str(account_id)
    facts = {"link": "https://v.vn/x"}
    queue_message(
        str(visit.id),
        CONFIRMATION,
        channel=Channel.PUSH,
        recipient=recipient,
        appointment=visit,
        patient=patient,
        facts=facts,
    )


def subscriptions() -> list[PushSubscription]:
    return list(db.session.scalars(sa.select(PushSubscription)))


def test_a_browser_is_told_that_there_is_a_message_and_nothing_else(
    bound: Any, deliver: Any, sign_in_patient: Any, push_service: PushService, alpha: str
) -> None:
    patient, device = sign_in_patient(alpha), Browser()
    for name in ("phone", "phone", "gone"):
        answer = device.answer(push_service.endpoint(name))
        assert patient.submit(ON, answer, page=ACCOUNT).status_code == 303
    with bound(alpha):
        assert len(subscriptions()) == 2
        queue(patient.person["patient_id"], patient.person["id"])
    assert deliver() == 1
    came = {name: (headers, body) for name, headers, body in push_service.came}
    assert sorted(came) == ["gone", "phone"]
    headers, body = came["phone"]
    assert device.open(body) == {"body": "Bạn có một tin nhắn mới từ bệnh viện."}
    assert Vapid02.verify(headers["Authorization"])
    assert headers["Content-Encoding"] == "aes128gcm"
    with bound(alpha):
        sent = db.session.scalars(sa.select(OutboundMessage)).one()
        assert (sent.state, sent.provider, sent.cost) == (MessageState.SENT, "push", 0)
        (left,) = subscriptions()
        assert (left.endpoint.endswith("/phone"), left.last_used_at is not None) == (True, True)
    page = patient.get("/h/alpha/patient/messages").get_data(as_text=True)
    assert patient.person["full_name"] in page
    assert patient.submit(OFF, {"endpoint": push_service.endpoint("phone")}, page=ACCOUNT).status_code == 303
    with bound(alpha):
        assert subscriptions() == []


@pytest.mark.parametrize(
    ("status", "state"), [(503, MessageState.QUEUED), (500, MessageState.UNKNOWN), (403, MessageState.FAILED)]
)
def test_a_push_service_that_does_not_take_it_decides_what_becomes_of_it(
    bound: Any, deliver: Any, sign_in_patient: Any, push_service: PushService, alpha: str, status: int,
    state: MessageState,
) -> None:  # fmt: skip
    patient = sign_in_patient(alpha)
    patient.submit(ON, Browser().answer(push_service.endpoint("phone")), page=ACCOUNT)
    push_service.status = status
    with bound(alpha):
        queue(patient.person["patient_id"], patient.person["id"])
    deliver()
    with bound(alpha):
        assert db.session.scalars(sa.select(OutboundMessage)).one().state is state
    assert len(push_service.came) == 1


def test_nobody_switches_off_anothers_browser_and_no_nonsense_is_kept(
    app: Flask, bound: Any, sign_in_patient: Any, push_service: PushService, alpha: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    one, other = sign_in_patient(alpha), sign_in_patient(alpha)
    good = Browser().answer(push_service.endpoint("phone"))
    one.submit(ON, good, page=ACCOUNT)
    with bound(alpha):
        (kept,) = [each.id for each in subscriptions()]
    assert other.submit(f"{OFF}?device={kept}", page=ACCOUNT).status_code == 404
    other.submit(OFF, {"endpoint": good["endpoint"]}, page=ACCOUNT)
    odd = [{"p256dh": good["p256dh"] + "\0" * 4}, {"auth": "é" + good["auth"]}, {"endpoint": f"{good['endpoint']}?đ"}]
    for wrong in odd:
        assert one.submit(ON, good | wrong, page=ACCOUNT).status_code == 303
    for wrong in ({"p256dh": "AAAA"}, {"auth": ""}, {"endpoint": "javascript:alert(1)"}, {"p256dh": _text(b"\4" * 65)}):
        one.submit(ON, good | wrong, page=ACCOUNT)
    settings = app.extensions["settings"].model_copy(update={"private_gateways": False})
    monkeypatch.setitem(app.extensions, "settings", settings)
    for inside in ("https://127.0.0.1/x", "https://10.0.0.1/x", good["endpoint"]):
        one.submit(ON, good | {"endpoint": inside}, page=ACCOUNT)
    with bound(alpha):
        assert [each.id for each in subscriptions()] == [kept]
