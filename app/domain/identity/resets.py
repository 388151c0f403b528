"""Choosing a new password over one's mailbox: a link that works once, for half an hour, and signs nobody in.

Whether a name is known shows neither in the answer nor in the work done for it. After it the person signs in as always,
with the second factor where there is one. (NIST SP 800-63B, 6.1.2.3; ASVS 5.0, 6.3.8, 6.4.3)
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import NotFound
from app.core.i18n import _l
from app.core.ids import hash_token, new_id, new_token
from app.core.risks import Risk
from app.domain.identity.acting import acting_as
from app.domain.identity.browsers import end_sessions, portal_of
from app.domain.identity.changing import set_password, tell_of_change
from app.domain.identity.front_door import parse_identifier
from app.domain.identity.invitations import end_invitations
from app.domain.identity.letters import Owner, link_to, usable_address, write_letter
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.noting import SUBJECTS, note_security
from app.domain.identity.proofs import PasswordReset
from app.domain.identity.sessions import KINDS
from app.domain.messages.templates import PASSWORD_RESET
from app.domain.patients.models import Patient
from app.tenancy.models import PlatformPasswordReset, PlatformUser
from app.tenancy.security_kinds import declare_kind

LASTS = timedelta(minutes=30)
PER_HOUR = 3
NOBODY = UUID(int=0)
STRANGER = Owner("–", "–", "nobody@vien.example")
ASKED = declare_kind("password.reset_asked", _l("Password reset asked for"), Risk.LOW)


class ResetOver(NotFound):
    """The link was used, is too old, or was never given."""

    title = _l("This link is no longer valid")
    default_message = _l("A link for a new password works once and for 30 minutes.")
    remedy = _l("If you have chosen your new password already, sign in with it. Otherwise ask for a new link.")


class _TakenBack(Exception):
    """Nothing of the letter stays."""


def request_reset(actor: Actor, portal: str, typed: str) -> None:
    """Send whoever a sign-in name belongs to a link, where there is an address; say nothing about it.

    Each request does the same work and the same statements, for the known and for strangers. Raises InvalidValue for
    what cannot be a sign-in name at all.
    """
    account, owner = _find(portal, typed)
    account_id = NOBODY if account is None else account.id
    model, owned = _table_of(portal)
    token, reset_id, now = new_token(), new_id(), clock.now()
    recent = sa.select(sa.func.count()).where(owned == account_id, model.created_at > now - timedelta(hours=1))
    asked_lately = db.session.scalar(recent) or 0
    allowed = account is not None and asked_lately < PER_HOUR
    wanted = account_id if allowed else NOBODY
    _end_open(portal, wanted)
    db.session.execute(_insertion(portal, wanted, reset_id, hash_token(token)))
    with suppress(_TakenBack), db.session.begin_nested():
        write_letter(
            actor,
            portal,
            owner,
            PASSWORD_RESET,
            {"link": link_to(portal, f"reset/{token}")},
            key=f"password_reset:{reset_id}",
            locale="vi" if account is None else account.locale,
        )
        if not allowed:
            raise _TakenBack
    subject_id = None if account is None else account.id
    note_security(actor, ASKED, subject_type=SUBJECTS[portal], subject_id=subject_id, portal=portal)


def check_reset(portal: str, token: str) -> None:
    """Accept a link that can still be used; raises ResetOver."""
    _get(portal, token)


def reset_password(portal: str, token: str, password: str, *, address: str | None, request_id: str | None) -> None:
    """Give whoever has the link the password that they chose; the link and all their sessions end.

    Raises ResetOver, or InvalidValue for a password that is refused. Nobody is signed in by it.
    """
    reset = _get(portal, token, locked=True)
    account = db.session.get_one(KINDS[portal].account, getattr(reset, KINDS[portal].owner))
    actor = acting_as(portal, account, address=address, request_id=request_id)
    set_password(account, password)
    reset.used_at = clock.now()
    db.session.flush()
    end_resets(account)
    end_invitations(account)
    end_sessions(actor, account, "password_changed")
    tell_of_change(actor, account, "password.reset")


def end_resets(account: Any) -> None:
    """Let links that were sent for an account open nothing any more."""
    _end_open(portal_of(account), account.id)


def _find(portal: str, typed: str) -> tuple[Any | None, Owner]:
    """Return the one account with this name and a usable address, in one query; two of the same name are nobody."""
    name = typed.strip().lower()
    if portal == "patient":
        value = parse_identifier(typed).value
        query = (
            sa.select(PatientUser, Patient.full_name, Patient.email, Patient.id)
            .join(Patient, Patient.id == PatientUser.patient_id)
            .where(sa.or_(Patient.cccd == value, Patient.phone == value))
            .where(Patient.deleted_at.is_(None), PatientUser.disabled_at.is_(None))
        )
    else:
        model: Any = KINDS[portal].account
        query = sa.select(model, model.full_name, model.email, sa.null()).where(
            sa.or_(model.username == name, sa.func.lower(model.email) == name), model.disabled_at.is_(None)
        )
        if model is StaffUser:
            query = query.where(StaffUser.deleted_at.is_(None))
    rows = db.session.execute(query.limit(2)).all()
    if len(rows) != 1 or usable_address(rows[0][2]) is None:
        return None, STRANGER
    account, full_name, email, patient_id = rows[0]
    return account, Owner(full_name, name, usable_address(email), patient_id)


def _insertion(portal: str, account_id: UUID, reset_id: UUID, token_hash: bytes) -> sa.Insert:
    """Insert a reset where the account exists: nothing for NOBODY, by the same statement."""
    model, owned = _table_of(portal)
    kind, now = KINDS[portal].account, clock.now()
    values = sa.select(
        sa.literal(reset_id, sa.Uuid),
        kind.id,
        sa.literal(token_hash, sa.LargeBinary),
        sa.literal(now, sa.DateTime(timezone=True)),
        sa.literal(now + LASTS, sa.DateTime(timezone=True)),
    ).where(kind.id == account_id)
    return sa.insert(model).from_select(["id", owned.key, "token_hash", "created_at", "expires_at"], values)


def _end_open(portal: str, account_id: UUID) -> None:
    model, owned = _table_of(portal)
    now = clock.now()
    query = sa.update(model).where(owned == account_id, model.used_at.is_(None), model.expires_at > now)
    db.session.execute(query.values(expires_at=now).execution_options(synchronize_session=False))


def _get(portal: str, token: str, *, locked: bool = False) -> Any:
    model, owned = _table_of(portal)
    kind: Any = KINDS[portal].account
    query = (
        sa.select(model)
        .join(kind, kind.id == owned)
        .where(
            model.token_hash == hash_token(token),
            model.used_at.is_(None),
            model.expires_at > clock.now(),
            kind.disabled_at.is_(None),
        )
    )
    if kind is StaffUser:
        query = query.where(StaffUser.deleted_at.is_(None))
    found = db.session.scalar(query.with_for_update(of=model) if locked else query)
    if found is None:
        raise ResetOver
    return found


def _table_of(portal: str) -> tuple[Any, Any]:
    model: Any = PlatformPasswordReset if KINDS[portal].account is PlatformUser else PasswordReset
    return model, getattr(model, KINDS[portal].owner)
