"""Giving an account a new password: the rules, what is remembered, and that it is told of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.identity.account_words import words_about
from app.domain.identity.browsers import end_sessions, portal_of
from app.domain.identity.history import refuse_former, remember_present
from app.domain.identity.letters import write_to_owner
from app.domain.identity.noting import SUBJECTS, note_change, note_security
from app.domain.identity.passwords import check_new_password, hash_password
from app.domain.identity.sign_in import WrongCredentials, check_again
from app.domain.messages.templates import PASSWORD_CHANGED
from app.tenancy.policies import account_policy


class WrongPresentPassword(InvalidValue):
    default_message = _l("This is not your present password. After several wrong tries, wait a few minutes.")


def set_password(account: Any, password: str) -> None:
    """Give an account a password that fits the rules; raises InvalidValue. It says nothing to anybody."""
    check_new_password(
        password, shortest=account_policy(portal_of(account)).shortest_password, about=words_about(account)
    )
    refuse_former(account, password)
    remember_present(account)
    account.password_hash = hash_password(password)
    account.password_changed_at = clock.now()
    account.must_change_password = False
    account.failed_sign_ins, account.throttled_until = 0, None
    db.session.flush()


def change_own_password(actor: Actor, account: Any, *, present: str, password: str, session_id: UUID) -> None:
    """Change one's own password; all other sessions end, and the owner is told.

    Raises WrongPresentPassword, which is counted and recorded, or InvalidValue. (ASVS 5.0, 6.2.2, 6.2.3, 7.4.3)
    """
    portal, account_id = portal_of(account), account.id
    try:
        check_again(account, present)
    except WrongCredentials:
        note_security(
            actor, "confirm.failed", subject_type=SUBJECTS[portal], subject_id=account_id, portal=portal, lasting=True
        )
        raise WrongPresentPassword(field="present") from None
    set_password(account, password)
    end_sessions(actor, account, "password_changed", but=session_id)
    tell_of_change(actor, account, "password.change")


def tell_of_change(actor: Actor, account: Any, kind: str) -> None:
    """Write down that a password was changed, or reset, and write to the account's owner."""
    portal = portal_of(account)
    patient_id = getattr(account, "patient_id", None)
    note_change(actor, portal, f"account.{kind.replace('.', '_')}", account.id, patient_id=patient_id)
    note_security(actor, kind, subject_type=SUBJECTS[portal], subject_id=account.id, portal=portal)
    write_to_owner(actor, account, PASSWORD_CHANGED, {"address": actor.address or "–"})


def note_sign_in(account: Any) -> None:
    """Remember when somebody signed in last; nobody who edits the account at that moment is disturbed by it."""
    model = type(account)
    query = (
        sa.update(model).where(model.id == account.id).values(last_sign_in_at=clock.now(), updated_at=model.updated_at)
    )
    db.session.execute(query.execution_options(synchronize_session=False))
