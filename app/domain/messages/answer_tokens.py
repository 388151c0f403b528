"""The tokens of links by which a patient answers without signing in: short enough for a text, good for one thing.

A token names a visit at its time, or an offer; it ends with that time, and is signed with a key of this hospital alone
(HMAC-SHA256, 128 bits). A visit that was moved has other tokens. It says nothing about the patient.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import cast
from uuid import UUID

from flask import current_app

from app.core import clock
from app.core.crypto import Keyring
from app.core.database_clock import read_now
from app.core.errors import NotFound, VienError
from app.core.i18n import _l
from app.domain.messages.models import OutboundMessage
from app.tenancy.binding import bound_hospital

PURPOSE = "vien answer links"
TAG_BYTES = 16
_FORM = struct.Struct(">B16sI")
_LONGEST = 100
BODY_BYTES = _FORM.size


class Subject(IntEnum):
    """What a link answers."""

    VISIT = 1
    OFFER = 2


@dataclass(frozen=True, slots=True)
class AnswerLink:
    """A link that was signed here: until when it is good, which for a visit is the visit's own time."""

    subject: Subject
    id: UUID
    until: datetime


class LinkExpired(VienError):
    """A link whose time is over; nothing is said about what it was for."""

    status = 410
    title = _l("This link has expired")
    default_message = _l("The time until which you could answer by this link is over.")
    remedy = _l("Sign in to the patient portal, or call the hospital.")


class BadLink(NotFound):
    title = _l("This link is not valid")
    default_message = _l("The link is incomplete, or it was not made by this hospital.")
    remedy = _l("Open the link from the message once more, or call the hospital.")


def sign(link: AnswerLink) -> str:
    """Write a link's token."""
    keyring = _keyring()
    body = _FORM.pack(link.subject, link.id.bytes, int(link.until.timestamp()))
    return base64.urlsafe_b64encode(body + _tag(keyring, keyring.active_id, body)).rstrip(b"=").decode()


def read_link(token: str) -> AnswerLink:
    """Return what a token was signed for; raises BadLink, or LinkExpired."""
    body, tag = _split(token)
    keyring = _keyring()
    if not any(hmac.compare_digest(tag, _tag(keyring, key_id, body)) for key_id in keyring.ids):
        raise BadLink
    link = read_body(body)
    if link.until <= _now(link.subject):
        raise LinkExpired
    return link


def read_body(body: bytes) -> AnswerLink:
    """Return what a token says, whoever wrote it; raises ValueError where it says nothing."""
    subject, raw, until = _FORM.unpack(body)
    return AnswerLink(Subject(subject), UUID(bytes=raw), datetime.fromtimestamp(until, UTC))


def _now(subject: Subject) -> datetime:
    """An offer holds its time by the database's clock, and its link with it."""
    return read_now(OutboundMessage) if subject is Subject.OFFER else clock.now()


def _split(token: str) -> tuple[bytes, bytes]:
    if len(token) > _LONGEST:
        raise BadLink
    try:
        data = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadLink from None
    if len(data) != _FORM.size + TAG_BYTES or base64.urlsafe_b64encode(data).rstrip(b"=").decode() != token:
        raise BadLink
    return data[: _FORM.size], data[_FORM.size :]


def _tag(keyring: Keyring, key_id: str, body: bytes) -> bytes:
    hospital = bound_hospital().id.bytes
    key = keyring.derive(key_id, hashlib.sha256(hospital).digest(), PURPOSE)
    return hmac.new(key, body, hashlib.sha256).digest()[:TAG_BYTES]


def _keyring() -> Keyring:
    return cast(Keyring, current_app.extensions["keyring"])
