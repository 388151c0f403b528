"""Passkeys (W3C WebAuthn): adding them, what the browser is asked, and accepting what it answers.

A passkey is good for one portal of one hospital: it is looked for in that hospital's own rows, under a handle that
names portal and hospital, for the host at which the person is. A challenge is good for minutes and, because a passkey
takes none that is older than its last use, once (ASVS 5.0, 6.7.2; WebAuthn Level 3, 7.1 and 7.2).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import IntegrityError
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from app.core import clock
from app.core.crypto import BlindIndex
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.identity.accounts import Account
from app.domain.identity.browsers import portal_of
from app.domain.identity.owners import owned_by, owner_of
from app.domain.identity.proofs import Passkey
from app.domain.identity.sessions import KINDS
from app.tenancy.binding import find_bound_hospital
from app.tenancy.models.proofs import PlatformPasskey

LASTS, CHALLENGE_BYTES = timedelta(minutes=5), 32
MOST, LONGEST_NAME, LONGEST_ANSWER = 10, 60, 20_000


class PasskeyRefused(InvalidValue):
    """One answer whatever was wrong with a passkey; `reason` is for the log of security events."""

    default_message = _l("The passkey was not accepted. Try again, or choose another way.")
    account_id: UUID | None = None
    reason = "refused"


class TooManyPasskeys(Conflict):
    title = _l("There are many passkeys already")
    default_message = _l("Remove one that you no longer use before you add another.")


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The place that a passkey is for: the host, its origin, and how people know it."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the authenticator signs, and since when it was asked."""

    value: bytes
    issued_at: datetime


def new_challenge() -> Challenge:
    """Return a challenge that nobody can guess."""
    return Challenge(secrets.token_bytes(CHALLENGE_BYTES), clock.now())


def creation_options(party: RelyingParty, challenge: Challenge, account: Account, name: str) -> dict[str, Any]:
    """Return what the browser is asked when a passkey is added."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=user_handle(portal_of(account), account.id),
        user_name=name,
        challenge=challenge.value,
        exclude_credentials=_descriptors(account),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
    )
    return options_to_json_dict(options)


def request_options(
    party: RelyingParty, challenge: Challenge, account: Account | None = None, *, verified: bool
) -> dict[str, Any]:
    """Return what the browser is asked when a passkey is to be shown: one of an account's, or any that it knows."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge.value,
        allow_credentials=_descriptors(account) if account else None,
        user_verification=UserVerificationRequirement.REQUIRED if verified else UserVerificationRequirement.PREFERRED,
    )
    return options_to_json_dict(options)


def add_passkey(account: Account, party: RelyingParty, challenge: Challenge, answer: str, name: str) -> Any:
    """Keep a new passkey of an account; raises PasskeyRefused, TooManyPasskeys, or InvalidValue for its name."""
    name = _check_name(name)
    if len(list_passkeys(account)) >= MOST:
        raise TooManyPasskeys
    _refuse_old(challenge)
    try:
        credential = parse_registration_credential_json(_parsed(answer))
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge.value,
            expected_rp_id=party.id,
            expected_origin=party.origin,
        )
    except Exception as error:  # a library reads what a stranger sent: whatever it stumbles over
        raise _refused("registration", account.id) from error
    passkey = model_of(portal_of(account))(
        **owner_of(account),
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=[transport.value for transport in credential.response.transports or ()],
        name=name,
        backed_up=verified.credential_backed_up,
        created_at=clock.now(),
    )
    try:
        with db.session.begin_nested():
            db.session.add(passkey)
    except IntegrityError:
        raise _refused("known", account.id) from None
    return passkey


def accept_passkey(
    portal: str,
    party: RelyingParty,
    challenge: Challenge,
    answer: str,
    *,
    account: Account | None = None,
    verified: bool,
) -> UUID:
    """Return whose passkey an answer shows, and use the challenge up; raises PasskeyRefused.

    Without an account the passkey says itself whose it is, and must have verified its user.
    """
    _refuse_old(challenge)
    try:
        credential = parse_authentication_credential_json(_parsed(answer))
    except Exception as error:  # as above
        raise _refused("unreadable", account.id if account else None) from error
    model = model_of(portal)
    passkey = db.session.scalar(
        sa.select(model).where(model.credential_id == credential.raw_id, model.removed_at.is_(None))
    )
    whose: UUID | None = getattr(passkey, KINDS[portal].owner, None)
    if passkey is None or whose is None or (account is not None and whose != account.id):
        raise _refused("unknown", account.id if account else None)
    handle = credential.response.user_handle
    if (handle is None and account is None) or (handle is not None and handle != user_handle(portal, whose)):
        raise _refused("handle", whose)
    try:
        shown = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge.value,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=verified,
        )
    except Exception as error:  # as above
        raise _refused("counter" if "sign count" in str(error) else "signature", whose) from error
    if not _use_up(model, passkey, challenge, shown):
        raise _refused("reused", whose)
    return whose


def list_passkeys(account: Account) -> list[Any]:
    """Return an account's passkeys, the oldest first."""
    model = model_of(portal_of(account))
    query = sa.select(model).where(owned_by(model, account), model.removed_at.is_(None))
    return list(db.session.scalars(query.order_by(model.created_at).limit(MOST)))


def get_passkey(account: Account, passkey_id: UUID) -> Any:
    """Return one of an account's passkeys; raises NotFound."""
    model = model_of(portal_of(account))
    query = sa.select(model).where(model.id == passkey_id, owned_by(model, account), model.removed_at.is_(None))
    passkey = db.session.scalar(query)
    if passkey is None:
        raise NotFound
    return passkey


def rename_passkey(account: Account, passkey_id: UUID, name: str) -> None:
    """Give a passkey another name; raises NotFound or InvalidValue."""
    get_passkey(account, passkey_id).name = _check_name(name)


def remove_passkey(account: Account, passkey_id: UUID) -> None:
    """Let a passkey be good no longer; raises NotFound."""
    get_passkey(account, passkey_id).removed_at = clock.now()


def remove_passkeys(account: Account) -> None:
    """Let no passkey of an account be good any longer."""
    model = model_of(portal_of(account))
    query = sa.update(model).where(owned_by(model, account), model.removed_at.is_(None))
    db.session.execute(query.values(removed_at=clock.now()))


def user_handle(portal: str, account_id: UUID) -> bytes:
    """Return the name of an account in authenticators: it tells nobody whose it is, and differs at every hospital."""
    hospital = find_bound_hospital() if portal != "admin" else None
    blind_index: BlindIndex = current_app.extensions["blind_index"]
    return blind_index.of("passkey", f"{portal}:{hospital.id if hospital else '-'}:{account_id}")


def model_of(portal: str) -> Any:
    """Return the table of a portal's passkeys."""
    return PlatformPasskey if portal == "admin" else Passkey


def _use_up(model: Any, passkey: Any, challenge: Challenge, shown: Any) -> bool:
    """Remember the use; of two that show the same answer, one comes too late."""
    used = (
        sa.update(model)
        .where(
            model.id == passkey.id,
            model.removed_at.is_(None),
            model.sign_count == passkey.sign_count,
            sa.or_(model.last_used_at.is_(None), model.last_used_at < challenge.issued_at),
        )
        .values(sign_count=shown.new_sign_count, backed_up=shown.credential_backed_up, last_used_at=clock.now())
        .returning(model.id)
    )
    return db.session.scalar(used) is not None


def _descriptors(account: Account) -> list[PublicKeyCredentialDescriptor]:
    known = {transport.value: transport for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id,
            transports=[known[name] for name in passkey.transports if name in known] or None,
        )
        for passkey in list_passkeys(account)
    ]


def _check_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise InvalidValue(
            _l("Give the passkey a name of at most %(count)s characters.", count=LONGEST_NAME), field="name"
        )
    return name


def _refuse_old(challenge: Challenge) -> None:
    if not challenge.issued_at <= clock.now() < challenge.issued_at + LASTS:
        raise _refused("expired", None)


def _parsed(answer: str) -> dict[str, Any]:
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("the answer is too long")
    parsed = json.loads(answer)
    if not isinstance(parsed, dict):
        raise ValueError("the answer is no object")
    return parsed


def _refused(reason: str, account_id: UUID | None) -> PasskeyRefused:
    error = PasskeyRefused(field="answer")
    error.reason, error.account_id = reason, account_id
    return error
