"""A real SMTP server on loopback that keeps every message it accepts."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from app.core.embedded.ports import find_free


class MailSink:
    """The messages that arrived, in order."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=find_free(), ready_timeout=60)

    @property
    def url(self) -> str:
        """Return the address for MAIL_URL."""
        return f"smtp://127.0.0.1:{self._controller.port}"

    def __enter__(self) -> MailSink:
        self._controller.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep a message; aiosmtpd calls this."""
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        """Return what was sent to an address."""
        return [message for message in self.messages if address in str(message["To"])]
