"""A forgotten password at the front door: every hospital that knows the person writes a letter of its own.

The request does the same for everybody: it asks for work, in which the number that was typed is sealed. Who looks for
hospitals is a worker, so that no answer's time tells who is known. (ASVS 5.0, 6.3.8)
"""

from __future__ import annotations

import base64

from flask import current_app

from app.core.actor import system_actor
from app.core.after_commit import after_commit
from app.core.crypto import BlindIndex, CannotDecrypt, Keyring, Sealed
from app.core.logging import get_logger
from app.core.queue import enqueue
from app.core.unit_of_work import unit_of_work
from app.domain.identity.front_door import NOT_SERVED, UNREACHABLE, find_hospitals, parse_identifier
from app.domain.identity.resets import request_reset
from app.tenancy.binding import bind_hospital

log = get_logger(__name__)

JOB = "send_front_door_resets"
CONTEXT = "front-door-reset"


def request_everywhere(typed: str) -> None:
    """Have every hospital that knows a number write to its owner; raises InvalidValue for what is no number."""
    parse_identifier(typed)
    sealed = _keyring().seal(typed, CONTEXT)
    said = [_text(sealed.ciphertext), _text(sealed.nonce), sealed.key_id]
    after_commit(lambda: enqueue(JOB, sealed=said))


def send_everywhere(said: list[str]) -> int:
    """Ask each hospital that knows the sealed number for a reset; return how many were asked."""
    try:
        typed = _keyring().open(Sealed(_bytes(said[0]), _bytes(said[1]), said[2]), CONTEXT)
    except CannotDecrypt:
        return 0  # the key was replaced meanwhile: whoever waits asks again
    index: BlindIndex = current_app.extensions["blind_index"]
    asked = 0
    for code in find_hospitals(index, parse_identifier(typed)):
        try:
            with bind_hospital(code), unit_of_work():
                request_reset(system_actor("front door"), "patient", typed)
        except (*NOT_SERVED, *UNREACHABLE) as error:
            log.warning("no reset from the front door", hospital=code, error=type(error).__name__)
            continue
        asked += 1
    return asked


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
