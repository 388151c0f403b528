"""A real SMTP server that keeps what it accepts, and refuses, hangs or hangs up when told."""

from __future__ import annotations

import asyncio
import email
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.domain.messages.channels import Smtp


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

    def channel(self, timeout: float = 5) -> Smtp:
        return Smtp(self.url, "Vien <no-reply@vien.example>", timeout=timeout)


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=_free_port())
    controller.start()
    try:
        yield SmtpServer(controller, sink)
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
