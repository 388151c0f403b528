"""The ways out: SMTP, and the console where no mail server is set. What they report is all that delivery knows."""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

from app.core import clock
from app.core.logging import get_logger
from app.domain.messages.addresses import BadAddress, check_address
from app.domain.messages.models import MessageState

log = get_logger(__name__)

TIMEOUT_SECONDS = 20.0
CONSOLE = "console"
LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
TLS_PORT, PLAIN_PORT, SUBMISSION_PORT = 465, 25, 587


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as a channel needs it."""

    key: str
    hospital: str
    recipient: str
    subject: str
    body: str
    reference: str = ""  # the ledger's own name for it, which a provider may give back
    locale: str = "vi"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went; `queued` means: nothing was accepted, try again later."""

    state: MessageState
    provider_id: str | None = None
    error: str | None = None
    cost: int | None = None  # in đồng


class Transport(Protocol):
    """A way out. `commit` is called at the point of no return, behind which the provider may have accepted."""

    name: str

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        """Send one letter and report."""


class Console:
    """Says in the log that there is a message; its text stands in the ledger, because logs hold no patients."""

    name = CONSOLE

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        """Write a line."""
        commit()
        log.info("message", key=letter.key, subject=letter.subject)
        return Outcome(MessageState.SENT, provider_id=CONSOLE)


class Smtp:
    """A mail server, named by `smtp://user:password@host:port` (STARTTLS where offered) or `smtps://…`."""

    name = "smtp"

    def __init__(self, url: str, sender: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self._place = urlsplit(url)
        self._sender = sender
        self._timeout = timeout

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        """Send one mail; what went wrong before its text was sent can be tried again."""
        try:
            mail = self._compose(letter)
        except (BadAddress, ValueError) as error:
            return Outcome(MessageState.FAILED, error=f"refused: {error}")
        try:
            with self._connect() as server:
                return self._hand_over(server, mail, commit)
        except smtplib.SMTPResponseException as error:  # not this letter's fault: it waits until that is mended
            return Outcome(MessageState.QUEUED, error=f"session refused: {error.smtp_code}")
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(MessageState.QUEUED, error=f"no connection: {type(error).__name__}")

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage, commit: Callable[[], None]) -> Outcome:
        recipient = mail["To"].addresses[0].addr_spec
        code, _ = server.mail(parseaddr(self._sender)[1])
        if code != 250:
            return Outcome(MessageState.QUEUED, error=f"sender refused: {code}")
        code, _ = server.rcpt(recipient)
        if code not in (250, 251):
            return _refused(code, "recipient")
        code, _ = server.docmd("DATA")
        if code != 354:
            return _refused(code, "data")
        try:
            commit()
        except BaseException:
            server.close()  # without its final dot the server throws the mail away
            raise
        try:
            server.send(_on_the_wire(mail))
            code, _ = server.getreply()
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(MessageState.UNKNOWN, provider_id=mail["Message-ID"], error=type(error).__name__)
        if code != 250:
            return _refused(code, "content")
        return Outcome(MessageState.SENT, provider_id=mail["Message-ID"])

    def _connect(self) -> smtplib.SMTP:
        host = self._place.hostname or "localhost"
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if self._place.scheme == "smtps":
            server = smtplib.SMTP_SSL(host, self._place.port or TLS_PORT, timeout=self._timeout, context=context)
        else:
            port = self._place.port or (SUBMISSION_PORT if self._place.username else PLAIN_PORT)
            server = smtplib.SMTP(host, port, timeout=self._timeout)
        try:
            server.ehlo_or_helo_if_needed()
            if self._place.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            if self._place.username:
                server.login(unquote(self._place.username), unquote(self._place.password or ""))
        except BaseException:
            with suppress(OSError):
                server.close()
            raise
        return server

    def _compose(self, letter: Letter) -> EmailMessage:
        name, address = parseaddr(self._sender)
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"] = Address(display_name=name, addr_spec=address)
        mail["To"] = Address(addr_spec=check_address(letter.recipient))
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(clock.now())
        mail["Message-ID"] = message_id(letter, address)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letter.body, cte="quoted-printable")
        return mail


def _on_the_wire(mail: EmailMessage) -> bytes:
    """Write a mail as SMTP sends it: a leading dot is doubled, a lone one ends the text (RFC 5321, 4.5.2)."""
    text = mail.as_bytes(policy=SMTP_POLICY)
    ended = text if text.endswith(b"\r\n") else text + b"\r\n"
    return LEADING_DOT.sub(b"..", ended) + b".\r\n"


def message_id(letter: Letter, sender: str) -> str:
    """Return the Message-ID of a letter: the same for the same key, so that a repetition can be known as one."""
    digest = hashlib.sha256(f"{letter.hospital}\x00{letter.key}".encode()).hexdigest()[:40]
    return f"<{digest}@{sender.rpartition('@')[2] or 'localhost'}>"


def _refused(code: int, what: str) -> Outcome:
    """Tell a refusal for now (4xx) from one for ever (5xx), without the server's words: they may quote the address."""
    state = MessageState.FAILED if code >= 500 else MessageState.QUEUED
    return Outcome(state, error=f"{what} refused: {code}")
