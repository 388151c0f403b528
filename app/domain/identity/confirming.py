"""Asking somebody who is signed in to prove it once more; whoever is wrong is slowed down like at the sign-in."""

from __future__ import annotations

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotSignedIn
from app.core.i18n import _l
from app.domain.identity.noting import SUBJECTS, note_change, note_security
from app.domain.identity.sessions import KINDS
from app.domain.identity.sign_in import WrongCredentials, check_again


class WrongPassword(InvalidValue):
    default_message = _l("The password is not right. After several wrong tries, wait a few minutes before the next.")


def confirm_password(actor: Actor, portal: str, password: str) -> None:
    """Accept the password of who is signed in; raises WrongPassword, which is counted and recorded."""
    account = db.session.get(KINDS[portal].account, actor.id)
    if account is None or actor.id is None:
        raise NotSignedIn
    try:
        check_again(account, password)
    except WrongCredentials:
        note_security(
            actor, "confirm.failed", subject_type=SUBJECTS[portal], subject_id=actor.id, portal=portal, lasting=True
        )
        raise WrongPassword(field="proof_password") from None
    note_change(actor, portal, "session.confirm", actor.id, patient_id=getattr(account, "patient_id", None))
