"""Real servers for messages: an SMTP sink and the loopback SMS gateway, which refuse, hang or hang up when told."""

from __future__ import annotations

import asyncio
import email
import json
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from werkzeug.serving import make_server

from app.cli.loopback.box import Box
from app.cli.loopback.gateway import Places, make_gateway
from app.config import GatewaySettings
from app.core.embedded.ports import find_free
from app.domain.messages.channels import Smtp
from app.domain.messages.gateways import HttpSms

HOOK_SECRET = "a secret of this test's platform"


class Sink:
    """What the server does with the next mails, and the mails it has accepted."""

    def __init__(self) -> None:
        self.accepted: list[EmailMessage] = []
        self.seen = 0
        self.connections = 0
        self.hang_before_recipient = 0.0
        self.rcpt_answer = "250 OK"
        self.data_answer = "250 OK"
        self.hang_before_answering = 0.0
        self.hang_up_after_accepting = False

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _o: Any) -> str:
        self.connections += 1
        await asyncio.sleep(self.hang_before_recipient)
        if self.rcpt_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt_answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        self.seen += 1
        if self.data_answer.startswith("250"):
            self.accepted.append(email.message_from_bytes(envelope.original_content or b"", policy=default))  # type: ignore[arg-type]
        if self.hang_up_after_accepting:
            server.transport.abort()
        await asyncio.sleep(self.hang_before_answering)
        return self.data_answer


class SmtpServer:
    """The sink behind its address."""

    def __init__(self, controller: Controller, sink: Sink) -> None:
        self.controller = controller
        self.sink = sink

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.controller.port}"

    def channel(self, timeout: float = 60) -> Smtp:
        return Smtp(self.url, "Vien <no-reply@vien.example>", timeout=timeout)


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=find_free(), ready_timeout=60)
    controller.start()
    try:
        yield SmtpServer(controller, sink)
    finally:
        controller.stop()


class SmsServer:
    """The loopback gateway behind its address, and what it has taken."""

    def __init__(self, box: Box, port: int, hospitals: str) -> None:
        self.box = box
        self.port = port
        self.places = Places(hospitals, HOOK_SECRET, hang_seconds=60)

    def settings(self, **changes: Any) -> GatewaySettings:
        names = ("to", "text", "sender", "reference", "hospital")
        body = json.dumps({name: "{" + name + "}" for name in names})
        return GatewaySettings(**{"url": f"http://127.0.0.1:{self.port}/send", "body": body, "cost": 350, **changes})

    def channel(self, **changes: Any) -> HttpSms:
        return HttpSms(self.settings(**changes), credential="key", sender="VIEN", allow_private=True)


@pytest.fixture
def sms_server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmsServer]:
    """The loopback gateway, configured as the platform's, calling back the application over real sockets."""
    box = Box()
    web = make_server("127.0.0.1", 0, app, threaded=True)
    server = SmsServer(box, 0, f"http://127.0.0.1:{web.port}")
    loopback = make_server("127.0.0.1", 0, make_gateway(server.places, box), threaded=True)
    server.port = loopback.port
    settings = app.extensions["settings"].model_copy(
        update={"sms_gateway": server.settings(), "sms_hook_secret": HOOK_SECRET, "private_gateways": True}
    )
    monkeypatch.setitem(app.extensions, "settings", settings)
    threads = [threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True) for one in (web, loopback)]
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        for one in (web, loopback):
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join()
