"""Asking somebody who is signed in to prove it once more; whoever is wrong is slowed down like at the sign-in."""

from __future__ import annotations

from typing import Any

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotSignedIn
from app.core.i18n import _l
from app.domain.identity.noting import SUBJECTS, note_change, note_security
from app.domain.identity.passkeys import PasskeyRefused, list_passkeys
from app.domain.identity.second_factor import Assertion, check_passkey
from app.domain.identity.sessions import KINDS
from app.domain.identity.sign_in import WrongCredentials, check_again


class WrongPassword(InvalidValue):
    default_message = _l("The password is not right. After several wrong tries, wait a few minutes before the next.")


def confirm_password(actor: Actor, portal: str, password: str) -> None:
    """Accept the password of who is signed in; raises WrongPassword, which is counted and recorded."""
    account = _own_account(actor, portal)
    try:
        check_again(account, password)
    except WrongCredentials:
        _note_failure(actor, portal)
        raise WrongPassword(field="proof_password") from None
    note_change(actor, portal, "session.confirm", account.id, patient_id=getattr(account, "patient_id", None))


def confirm_passkey(actor: Actor, portal: str, shown: Assertion) -> None:
    """Accept a passkey of who is signed in that verifies its user; raises PasskeyRefused, which is recorded."""
    account = _own_account(actor, portal)
    try:
        check_passkey(account, shown, verified=True)
    except PasskeyRefused:
        _note_failure(actor, portal)
        raise
    note_change(actor, portal, "session.confirm", account.id, patient_id=getattr(account, "patient_id", None))


def owns_passkey(actor: Actor, portal: str) -> bool:
    """Tell whether who is signed in has a passkey to confirm with."""
    return bool(list_passkeys(_own_account(actor, portal)))


def _own_account(actor: Actor, portal: str) -> Any:
    account = db.session.get(KINDS[portal].account, actor.id) if actor.id else None
    if account is None:
        raise NotSignedIn
    return account


def _note_failure(actor: Actor, portal: str) -> None:
    note_security(
        actor, "confirm.failed", subject_type=SUBJECTS[portal], subject_id=actor.id, portal=portal, lasting=True
    )
