"""Reading what an SMS gateway sends by itself: who signed it and when, and what it says.

The signature is `v1=` and the HMAC-SHA256, in hexadecimal, of the timestamp, a full stop and the body, under the
secret of one hospital. A copy of a call that was heard is refused once it is old, and before that changes nothing,
because each report and each reply counts once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.core import clock
from app.core.errors import InvalidValue, VienError
from app.core.i18n import _l
from app.core.ids import parse_id
from app.domain.messages.models import MessageState
from app.domain.messages.reports import REPORTED

TOLERANCE_SECONDS = 300
SCHEME = "v1="
LONGEST_ID, LONGEST = 200, 2000


class NotSigned(VienError):
    status = 401
    title = _l("The call is not signed as it must be")
    default_message = _l("The signature or the time of this call is not right.")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A report of what became of a message."""

    provider_id: str | None
    reference: UUID | None
    state: MessageState
    at: datetime | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that somebody sent by text message."""

    provider_id: str
    sender: str
    text: str


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a call."""
    return SCHEME + hmac.new(secret.encode(), str(timestamp).encode() + b"." + body, hashlib.sha256).hexdigest()


def check_signature(secret: str | None, timestamp: str, signature: str, body: bytes) -> None:
    """Refuse a call that was not signed with this secret within the last minutes; raises NotSigned."""
    if secret is None or not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        raise NotSigned
    fits = hmac.compare_digest(sign(secret, int(timestamp), body).encode(), signature.encode())
    if not fits or abs(clock.now().timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise NotSigned


def read_call(body: bytes) -> Delivery | Reply:
    """Read a signed call; raises InvalidValue."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidValue from None
    if not isinstance(said, dict):
        raise InvalidValue
    if said.get("event") == "reply":
        provider_id, sender, text = _id(said), _text(said, "from"), _text(said, "text")
        if not provider_id or not sender:
            raise InvalidValue
        return Reply(provider_id, sender, text or "")
    if said.get("event") == "delivery" and said.get("state") in REPORTED:
        provider_id, reference = _id(said), parse_id(_text(said, "reference") or "")
        if not provider_id and reference is None:
            raise InvalidValue
        return Delivery(provider_id, reference, REPORTED[said["state"]], _time(said), _text(said, "error"))
    raise InvalidValue


def _id(said: dict[str, Any]) -> str | None:
    found = _text(said, "id")
    if found is not None and len(found) > LONGEST_ID:
        raise InvalidValue  # what reports are known by stands in an index, which takes no more
    return found


def _text(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, str | int) or isinstance(value, bool) or len(str(value)) > LONGEST:
        raise InvalidValue
    return str(value).replace("\x00", "").encode(errors="replace").decode()  # JSON can name half a letter


def _time(said: dict[str, Any]) -> datetime | None:
    text = _text(said, "at")
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidValue from None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
