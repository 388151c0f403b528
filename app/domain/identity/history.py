"""Passwords that somebody had before, and how long one may be kept, where the hospital's policy asks for either.

Both are off by default: forced changes make people choose weaker passwords.
(NIST SP 800-63B, 5.1.1.2; ASVS 5.0, 6.2.10)
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.identity.browsers import portal_of
from app.domain.identity.passwords import NO_PASSWORD, password_fits
from app.domain.identity.proofs import FormerPassword
from app.domain.identity.sessions import KINDS
from app.tenancy.models import PlatformFormerPassword
from app.tenancy.policies import account_policy

MOST_COMPARED = 24  # each costs as much as a sign-in


class UsedBefore(InvalidValue):
    default_message = _l("You have used this password before. Choose another one.")


def refuse_former(account: Any, password: str) -> None:
    """Refuse the present password and as many former ones as the policy says; raises UsedBefore."""
    former = list_former(account, account_policy(portal_of(account)).password_history)
    if any(password_fits(password, stored) for stored in (account.password_hash, *former)):
        raise UsedBefore(field="password")


def list_former(account: Any, count: int) -> list[str]:
    """Return the hashes of the last passwords of an account, the newest first."""
    if count <= 0:
        return []
    model, owner = _table_of(account)
    query = sa.select(model.password_hash).where(owner == account.id).order_by(model.created_at.desc())
    return list(db.session.scalars(query.limit(min(count, MOST_COMPARED))))


def remember_present(account: Any) -> None:
    """Keep the hash of the password that is about to be replaced, where the policy asks for a history."""
    portal = portal_of(account)
    if account.password_hash == NO_PASSWORD or not account_policy(portal).password_history:
        return
    model, owner = _table_of(account)
    db.session.add(model(**{owner.key: account.id}, password_hash=account.password_hash, created_at=clock.now()))


def must_change(account: Any) -> bool:
    """Tell whether somebody has to choose a new password before anything else."""
    expires = account_policy(portal_of(account)).password_expires
    if account.must_change_password:
        return True
    since = account.password_changed_at or account.created_at
    return expires is not None and since + expires < clock.now()


def _table_of(account: Any) -> tuple[Any, Any]:
    portal = portal_of(account)
    model: Any = PlatformFormerPassword if portal == "admin" else FormerPassword
    return model, getattr(model, KINDS[portal].owner)
