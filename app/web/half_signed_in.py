"""Between the password and the second factor: who that is, for a few minutes, and what waits for them.

Nothing but the pages of the second factor is open to them. Secrets that their owner is to see once wait sealed in the
browser's session.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from flask import g, session

from app.core import clock
from app.core.actor import Actor
from app.core.crypto import CannotDecrypt, Sealed
from app.core.ids import parse_id
from app.domain.identity.accounts import Account
from app.domain.identity.owners import name_of
from app.domain.identity.second_factor import keyring
from app.domain.identity.totp import new_secret
from app.web.principals import KINDS, current_actor

PENDING, OFFER, CODES = "second_factor", "offered_secret", "recovery_codes"
SECOND_FACTOR_SECONDS = 300
ENROLMENT_SECONDS = 900
SHOWN_SECONDS = 600


def remember_half(account: Account, wanted: str | None, seconds: int = SECOND_FACTOR_SECONDS) -> None:
    """Remember whose password was right, until the second factor is shown too."""
    session[PENDING] = {
        "account": str(account.id),
        "until": clock.now().timestamp() + seconds,
        "next": wanted or "",
    }


def find_half(find_account: Any) -> Any | None:
    """Return whose password was right lately, or None; nobody whose account was closed meanwhile."""
    pending = session.get(PENDING)
    if not pending or pending["until"] < clock.now().timestamp():
        return None
    account_id = parse_id(pending["account"])
    account = find_account(account_id) if account_id else None
    closed = account is None or account.disabled_at is not None or getattr(account, "deleted_at", None) is not None
    return None if closed else account


def wanted_page() -> str | None:
    """Return where the person wanted to go before signing in."""
    return (session.get(PENDING) or {}).get("next")


def half_actor(account: Account) -> Actor:
    """Return the actor of what somebody does to their own account before they are wholly signed in."""
    return replace(current_actor(), kind=KINDS[g.portal], id=account.id, name=name_of(account))


def offered_secret(account: Account) -> str:
    """Return the secret that an authenticator app is to be set up with: the same one while its page is open."""
    secret = _unsealed(OFFER, f"totp-offer:{account.id}")
    if secret is None:
        secret = new_secret()
        _seal(OFFER, secret, f"totp-offer:{account.id}", ENROLMENT_SECONDS)
    return secret


def withdraw_offer() -> None:
    """Forget the offered secret, once it was taken."""
    session.pop(OFFER, None)


def keep_codes(account: Account, codes: list[str]) -> None:
    """Let recovery codes wait for the page that shows them."""
    _seal(CODES, " ".join(codes), f"recovery-codes:{account.id}", SHOWN_SECONDS)


def take_codes(account_id: Any) -> list[str]:
    """Return the recovery codes that are to be shown, this once; none where they were shown or were too long ago."""
    text = _unsealed(CODES, f"recovery-codes:{account_id}")
    session.pop(CODES, None)
    return text.split() if text else []


def _seal(key: str, text: str, context: str, seconds: int) -> None:
    sealed = keyring().seal(text, context)
    session[key] = {
        "text": base64.b64encode(sealed.ciphertext).decode(),
        "nonce": base64.b64encode(sealed.nonce).decode(),
        "key": sealed.key_id,
        "until": clock.now().timestamp() + seconds,
    }


def _unsealed(key: str, context: str) -> str | None:
    kept = session.get(key)
    if not kept or kept["until"] < clock.now().timestamp():
        return None
    sealed = Sealed(base64.b64decode(kept["text"]), base64.b64decode(kept["nonce"]), kept["key"])
    try:
        return keyring().open(sealed, context)
    except CannotDecrypt:
        return None
