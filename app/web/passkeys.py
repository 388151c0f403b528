"""Passkeys in the browser: for which place they are, what the browser is asked, and what it answered.

What is asked waits in the browser's signed session, is taken out by the first answer, and is good for one purpose.
"""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import request, session

from app.core.i18n import _
from app.domain.identity.accounts import Account
from app.domain.identity.devices import describe_device
from app.domain.identity.passkeys import (
    Challenge,
    PasskeyRefused,
    RelyingParty,
    creation_options,
    new_challenge,
    request_options,
)
from app.domain.identity.second_factor import Assertion
from app.tenancy.binding import find_bound_hospital

KEY = "passkey"
SIGN_IN, SECOND_FACTOR, ADD, CONFIRM = "sign-in", "second-factor", "add", "confirm"


def relying_party() -> RelyingParty:
    """Return the place that passkeys of this request are for: its host, and the hospital's name."""
    hospital = find_bound_hospital()
    origin = request.host_url.rstrip("/")
    return RelyingParty(
        id=urlsplit(origin).hostname or "",
        origin=origin,
        name=hospital.display_name if hospital else _("Vien operations"),
    )


def passkeys_possible() -> bool:
    """Tell whether browsers can keep a passkey for this host: it must have a name, a number will not do."""
    try:
        ipaddress.ip_address(relying_party().id)
    except ValueError:
        return True
    return False


def ask(purpose: str, account: Account | None = None, *, label: str = "") -> dict[str, Any]:
    """Return what the browser is to ask its authenticator, and remember it for the answer."""
    challenge, party = new_challenge(), relying_party()
    session[KEY] = {
        "purpose": purpose,
        "value": base64.b64encode(challenge.value).decode(),
        "at": challenge.issued_at.isoformat(),
    }
    if purpose == ADD and account is not None:
        return creation_options(party, challenge, account, label)
    return request_options(party, challenge, account, verified=purpose in (SIGN_IN, CONFIRM))


def answered(purpose: str, field: str = "answer") -> Assertion:
    """Return what this request answers to what was asked; raises PasskeyRefused where nothing was asked for it."""
    asked, answer = session.pop(KEY, None), request.form.get(field, "")
    if not asked or asked["purpose"] != purpose or not answer:
        raise PasskeyRefused(field="answer")
    challenge = Challenge(base64.b64decode(asked["value"]), datetime.fromisoformat(asked["at"]).astimezone(UTC))
    return Assertion(relying_party(), challenge, answer)


def passkey_name() -> str:
    """Return the name that somebody gave a new passkey, or one that says where and when it was made."""
    return request.form.get("name", "").strip() or f"{describe_device(request.headers.get('User-Agent'))}"
