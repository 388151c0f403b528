"""Links in the ledger: kept without their signature, so that whoever reads a row, a backup or a page can open nothing.

It is put on again when the message leaves, or when its own patient reads it; and only for what the message is about.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from uuid import UUID

from app.domain.messages.answer_tokens import BODY_BYTES, TAG_BYTES, read_body, sign
from app.domain.messages.template_kinds import OFFER

PATH = "answer/"
HIDDEN = "•••"
_BODY, _WHOLE = -(-BODY_BYTES * 4 // 3), -(-(BODY_BYTES + TAG_BYTES) * 4 // 3)
_KEPT = re.compile(rf"(?<=/{PATH})~([A-Za-z0-9_-]{{{_BODY}}})")
_ANY = re.compile(rf"(?<=/{PATH})(?:~[A-Za-z0-9_-]{{{_BODY}}}|[A-Za-z0-9_-]{{{_WHOLE}}})")


def keep_links(text: str, facts: Mapping[str, str]) -> str:
    """Return a text as the ledger keeps it: without the signature of the link that is among its facts."""
    _, path, token = facts.get("link", "").rpartition(f"/{PATH}")
    if not path or len(token) != _WHOLE:
        return text
    body = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:BODY_BYTES]
    kept = "~" + base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    return text.replace(path + token, path + kept)


def open_links(text: str, key: str, appointment_id: UUID | None) -> str:
    """Return a kept text as its patient reads it, with its link signed; a link to anything else stays shut."""
    about = {str(appointment_id)} if appointment_id else {key.split(":")[1]} if key.startswith(f"{OFFER}:") else set()

    def signed(found: re.Match[str]) -> str:
        try:
            link = read_body(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
        except (binascii.Error, ValueError):
            return found[0]
        return sign(link) if str(link.id) in about else found[0]

    return _KEPT.sub(signed, text)


def hide_links(text: str) -> str:
    """Return a text for others than its patient: that there is a link can be seen, where it leads not."""
    return _ANY.sub(HIDDEN, text)
