"""Disabling an account, enabling it again, and letting somebody try again at once who was slowed down.

A disabled account's sessions end in the same transaction. (ASVS 5.0, 7.4.2)
"""

from __future__ import annotations

from typing import Any

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.identity.browsers import end_sessions, portal_of
from app.domain.identity.invitations import end_invitations
from app.domain.identity.last_administrator import check_one_remains
from app.domain.identity.noting import SUBJECTS, note_change, note_security
from app.domain.identity.resets import end_resets

SHORTEST_REASON, LONGEST_REASON = 5, 300


def disable_account(actor: Actor, account: Any, reason: str) -> None:
    """Close an account at once: its sessions and invitations end. Does nothing to one that is closed.

    Raises InvalidValue without a reason, OwnAccount or LastAdministrator.
    """
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise InvalidValue(_l("Say in a few words why."), field="reason")
    if account.disabled_at is not None:
        return
    check_one_remains(actor, portal_of(account), account.id)
    account.disabled_at = clock.now()
    db.session.flush()
    end_sessions(actor, account, "disabled")
    end_invitations(account)
    end_resets(account)
    _note(actor, account, "disable", {"reason": reason})


def enable_account(actor: Actor, account: Any) -> None:
    """Open a closed account again; its owner signs in with the password of before, or by a new invitation."""
    if account.disabled_at is None:
        return
    account.disabled_at = None
    account.failed_sign_ins, account.throttled_until = 0, None
    db.session.flush()
    _note(actor, account, "enable", {})


def unlock_account(actor: Actor, account: Any) -> None:
    """Forget somebody's wrong tries, so that the next one may come at once."""
    account.failed_sign_ins, account.throttled_until = 0, None
    db.session.flush()
    _note(actor, account, "unlock", {})


def is_slowed_down(account: Any) -> bool:
    """Tell whether the next try has to wait."""
    return account.throttled_until is not None and account.throttled_until > clock.now()


def _note(actor: Actor, account: Any, act: str, changes: dict[str, Any]) -> None:
    portal = portal_of(account)
    patient_id = getattr(account, "patient_id", None)
    note_change(actor, portal, f"account.{act}", account.id, patient_id=patient_id, changes=changes)
    note_security(actor, f"account.{act}", subject_type=SUBJECTS[portal], subject_id=account.id, portal=portal)
