"""Inviting people of every portal: a link by e-mail or a code on paper, with which they choose their first password.

Each works once, within a week, and the newest alone. A patient who has no e-mail address and forgot the password is
given a new one on paper at the desk. (NIST SP 800-63B, 6.1.2; ASVS 5.0, 6.4.1)
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _l
from app.core.ids import hash_token, new_token
from app.domain.identity.acting import acting_as
from app.domain.identity.browsers import end_sessions, portal_of
from app.domain.identity.changing import set_password
from app.domain.identity.letters import write_to_owner
from app.domain.identity.models import StaffUser
from app.domain.identity.noting import note_change
from app.domain.identity.proofs import Invitation
from app.domain.identity.sessions import KINDS
from app.domain.messages.templates import INVITATION, OPERATOR_INVITATION, PATIENT_INVITATION
from app.tenancy.models import PlatformInvitation, PlatformUser

LASTS = timedelta(days=7)
LETTERS = {"admin": OPERATOR_INVITATION, "hospital": INVITATION, "patient": PATIENT_INVITATION}
NAMED = {"admin": "operator", "hospital": "staff", "patient": "patient_account"}
CODE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another on paper
CODE_LENGTH = 12  # 60 bits


class InvitationOver(NotFound):
    """The link was used, is too old, or was never given."""

    title = _l("This invitation is no longer valid")
    default_message = _l("An invitation works once and for seven days.")
    remedy = _l("If you have chosen your password already, sign in. Otherwise ask for a new invitation.")


def invite(actor: Actor, account: Any) -> None:
    """Send somebody a link with which they choose their password; earlier links of theirs end. Needs an address."""
    token, portal = new_token(), portal_of(account)
    invitation = _open(actor, account, token)
    sent = write_to_owner(
        actor, account, LETTERS[portal], {}, key=f"invitation:{invitation.id}", path=f"invitation/{token}"
    )
    if not sent:
        raise InvalidValue(_l("An invitation needs an e-mail address."), field="email")
    _note(actor, account, "invite")


def invite_on_paper(actor: Actor, account: Any) -> str:
    """Return a code that is printed and handed over, with which its owner chooses a password; earlier ones end."""
    code = "".join(secrets.choice(CODE_SIGNS) for _sign in range(CODE_LENGTH))
    _open(actor, account, code, on_paper=True)
    _note(actor, account, "invite_on_paper")
    return "-".join(code[at : at + 4] for at in range(0, CODE_LENGTH, 4))


def find_invited(portal: str, token: str) -> Any:
    """Return the account that a link or code opens; raises InvitationOver."""
    return _account_of(portal, _get(portal, token))


def accept_invitation(portal: str, token: str, password: str, *, address: str | None, request_id: str | None) -> Any:
    """Give somebody the password that they chose; the link ends. Raises InvitationOver or InvalidValue.

    Nobody is signed in by it, and whoever was signed in with the account is not any more.
    """
    invitation = _get(portal, token, locked=True)
    account = _account_of(portal, invitation)
    set_password(account, password)
    invitation.used_at = clock.now()
    db.session.flush()
    actor = acting_as(portal, account, address=address, request_id=request_id)
    end_sessions(actor, account, "password_changed")
    _note(actor, account, "accept_invitation")
    return account


def read_code(typed: str) -> str:
    """Return a code as it was made, however it was typed."""
    return "".join(sign for sign in typed.upper() if sign in CODE_SIGNS)


def end_invitations(account: Any, *, keep_paper: bool = False) -> None:
    """Let what was sent or printed for an account open nothing any more."""
    model, owned = _table_of(portal_of(account))
    now = clock.now()
    query = sa.update(model).where(owned == account.id, model.used_at.is_(None), model.expires_at > now)
    if keep_paper:
        query = query.where(model.on_paper.is_(False))
    db.session.execute(query.values(expires_at=now))


def find_open_invitation(account: Any) -> Any | None:
    """Return the invitation of an account that can still be used, or None."""
    model, owned = _table_of(portal_of(account))
    return db.session.scalar(
        sa.select(model)
        .where(owned == account.id, model.used_at.is_(None), model.expires_at > clock.now())
        .order_by(model.created_at.desc())
        .limit(1)
    )


def _open(actor: Actor, account: Any, token: str, *, on_paper: bool = False) -> Any:
    portal = portal_of(account)
    model, owned = _table_of(portal)
    end_invitations(account)
    now = clock.now()
    paper = {"on_paper": True} if on_paper else {}
    invitation = model(
        **{owned.key: account.id},
        token_hash=hash_token(token),
        created_at=now,
        created_by=actor.id,
        expires_at=now + LASTS,
        **paper,
    )
    db.session.add(invitation)
    db.session.flush()
    return invitation


def _get(portal: str, token: str, *, locked: bool = False) -> Any:
    model, owned = _table_of(portal)
    kind: Any = KINDS[portal].account
    query = (
        sa.select(model)
        .join(kind, kind.id == owned)
        .where(
            model.token_hash.in_([hash_token(token), hash_token(read_code(token))]),
            model.used_at.is_(None),
            model.expires_at > clock.now(),
            kind.disabled_at.is_(None),
        )
    )
    if kind is StaffUser:
        query = query.where(StaffUser.deleted_at.is_(None))
    found = db.session.scalar(query.with_for_update(of=model) if locked else query)
    if found is None:
        raise InvitationOver
    return found


def _account_of(portal: str, invitation: Any) -> Any:
    kind = KINDS[portal]
    return db.session.get_one(kind.account, getattr(invitation, kind.owner))


def _note(actor: Actor, account: Any, act: str) -> None:
    portal = portal_of(account)
    patient_id = getattr(account, "patient_id", None)
    note_change(actor, portal, f"{NAMED[portal]}.{act}", account.id, patient_id=patient_id)


def _table_of(portal: str) -> tuple[Any, Any]:
    model: Any = PlatformInvitation if KINDS[portal].account is PlatformUser else Invitation
    return model, getattr(model, KINDS[portal].owner)
