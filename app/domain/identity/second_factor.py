"""The second factor: which an account has, checking one, setting one up and taking one away.

An authenticator app or a passkey is a factor; recovery codes stand in for one that is out of reach. Staff and operators
must have one; a new password never makes up for it (ASVS 5.0, 6.3.3, 6.4.3, 6.4.4; NIST SP 800-63B, 4.2 and 6.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.core import clock
from app.core.actor import Actor
from app.core.crypto import Keyring
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, TooManyAttempts
from app.core.i18n import _l
from app.domain.identity import passkeys, recovery_codes, totp
from app.domain.identity.accounts import Account
from app.domain.identity.browsers import end_sessions, portal_of
from app.domain.identity.letters import write_to_owner
from app.domain.identity.models import PatientUser
from app.domain.identity.noting import SUBJECTS, note_change, note_security
from app.domain.identity.owners import owned_by
from app.domain.identity.passkeys import Challenge, RelyingParty
from app.domain.identity.sign_in import WrongCode, check_again, count_failure
from app.domain.identity.throttle import seconds_left
from app.domain.messages.templates import FACTOR_CHANGED, FACTOR_RESET
from app.tenancy.policies import account_policy

SHORTEST_REASON = 5
LONGEST_REASON = 500


class WrongRecoveryCode(InvalidValue):
    default_message = _l("The recovery code is not right, or it was used already.")


class LastFactor(Conflict):
    title = _l("A second factor is required")
    default_message = _l("This is the last way in which you can confirm that it is you. Add another one first.")


@dataclass(frozen=True, slots=True)
class Factors:
    """What somebody can prove themselves with beside the password."""

    app: bool
    passkeys: int
    recovery_codes: int

    @property
    def any(self) -> bool:
        """Tell whether there is a second factor; recovery codes alone are none."""
        return self.app or self.passkeys > 0

    @property
    def few_codes(self) -> bool:
        """Tell whether it is time to make new recovery codes."""
        return self.any and self.recovery_codes < recovery_codes.FEW


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a browser answered when it was asked for a passkey, and what it was asked."""

    party: RelyingParty
    challenge: Challenge
    answer: str


def factors_of(account: Account) -> Factors:
    """Return which factors an account has."""
    model = passkeys.model_of(portal_of(account))
    kept = sa.select(sa.func.count(model.id)).where(owned_by(model, account), model.removed_at.is_(None))
    return Factors(totp.is_enrolled(account), db.session.scalar(kept) or 0, recovery_codes.count_codes(account))


def has_second_factor(account: Account) -> bool:
    """Tell whether an account has a second factor, without which its password opens nothing."""
    return totp.is_enrolled(account) or factors_of(account).any


def must_enrol(account: Account) -> bool:
    """Tell whether somebody has to set up a second factor before anything else."""
    return account_policy(portal_of(account)).second_factor_required and not has_second_factor(account)


def check_app_code(account: Account, code: str) -> None:
    """Accept a code of the authenticator app; raises WrongCode or TooManyAttempts."""
    if not totp.is_enrolled(account):
        raise WrongCode(field="code")
    _check(account, lambda: totp.accept_code(keyring(), account, code), WrongCode(field="code"))


def check_recovery_code(account: Account, typed: str) -> None:
    """Accept a recovery code, once; raises WrongRecoveryCode or TooManyAttempts."""
    _check(
        account,
        lambda: has_second_factor(account) and recovery_codes.use_code(account, typed),
        WrongRecoveryCode(field="recovery_code"),
    )


def check_passkey(account: Account, shown: Assertion, *, verified: bool = False) -> None:
    """Accept a passkey of an account; raises PasskeyRefused. Nobody guesses a signature: it is never slowed down."""
    passkeys.accept_passkey(
        portal_of(account), shown.party, shown.challenge, shown.answer, account=account, verified=verified
    )


def find_by_passkey(portal: str, shown: Assertion) -> UUID:
    """Return whose passkey is shown that verified its user, which is two factors in one; raises PasskeyRefused."""
    return passkeys.accept_passkey(portal, shown.party, shown.challenge, shown.answer, verified=True)


def verify_again(
    account: Account, *, password: str | None = None, code: str | None = None, assertion: Assertion | None = None
) -> None:
    """Accept one proof of somebody who is signed in: the password, a code, or a passkey that verifies its user.

    Raises WrongCredentials, WrongCode, PasskeyRefused or TooManyAttempts; what is wrong counts as at the sign-in.
    """
    if assertion is not None:
        check_passkey(account, assertion, verified=True)
    elif code is not None:
        check_app_code(account, code)
    else:
        check_again(account, password or "")  # type: ignore[type-var]


def set_up_app(actor: Actor, account: Account, secret: str, code: str) -> list[str]:
    """Give an account an authenticator app that has shown a right code; return new recovery codes if it had none.

    The code counts as used. Raises WrongCode; the app that was there before goes on until then.
    """
    step = totp.matching_step(secret, code)
    if step is None:
        raise WrongCode(field="code")
    totp.enrol(keyring(), account, secret)
    account.totp_last_step = step
    return _added(actor, account, "app")


def remove_app(actor: Actor, account: Account) -> None:
    """Take the authenticator app away; raises LastFactor where the policy wants one."""
    if not totp.is_enrolled(account):
        return
    _refuse_last(account, factors_of(account).passkeys)
    totp.remove(account)
    _removed(actor, account, "app")


def add_passkey(actor: Actor, account: Account, shown: Assertion, name: str) -> list[str]:
    """Add a passkey; return new recovery codes if the account had none. Raises PasskeyRefused or InvalidValue."""
    passkeys.add_passkey(account, shown.party, shown.challenge, shown.answer, name)
    return _added(actor, account, "passkey")


def rename_passkey(actor: Actor, account: Account, passkey_id: UUID, name: str) -> None:
    """Give a passkey another name; raises NotFound or InvalidValue."""
    passkeys.rename_passkey(account, passkey_id, name)
    _note(actor, account, "passkey.rename")


def remove_passkey(actor: Actor, account: Account, passkey_id: UUID) -> None:
    """Remove a passkey; raises NotFound, or LastFactor where the policy wants one."""
    passkeys.get_passkey(account, passkey_id)
    factors = factors_of(account)
    _refuse_last(account, factors.passkeys - 1 + int(factors.app))
    passkeys.remove_passkey(account, passkey_id)
    _removed(actor, account, "passkey")


def renew_recovery_codes(actor: Actor, account: Account) -> list[str]:
    """Make new recovery codes; the ones before are no longer good. Raises LastFactor where there is no factor."""
    if not has_second_factor(account):
        raise LastFactor
    codes = recovery_codes.renew_codes(account)
    _note(actor, account, "recovery_codes.renew")
    return codes


def reset_second_factor(actor: Actor, account: Account, reason: str) -> None:
    """Take every factor of an account away, at its owner's word that they are lost, and end its sessions.

    Where the policy wants a factor, the next sign-in sets up a new one; the password stays as it is. The owner is told.
    """
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise InvalidValue(_l("Say in a few words why, and how you know that it is the person."), field="reason")
    totp.remove(account)
    passkeys.remove_passkeys(account)
    recovery_codes.spend_codes(account)
    db.session.flush()
    end_sessions(actor, account, "factor_changed")
    note_change(
        actor,
        portal_of(account),
        "second_factor.reset",
        account.id,
        patient_id=_patient_of(account),
        changes={"reason": reason},
    )
    _note_security(actor, account, "second_factor.reset", None)
    write_to_owner(actor, account, FACTOR_RESET, {}, path="")


def keyring() -> Keyring:
    """Return the application's keys."""
    ring: Keyring = current_app.extensions["keyring"]
    return ring


def _check(account: Account, accepts: Callable[[], bool], refusal: InvalidValue) -> None:
    wait = seconds_left(account.throttled_until, clock.now())
    if wait:
        raise TooManyAttempts(wait, _l("Too many attempts. Please wait %(seconds)s seconds.", seconds=wait))
    if not accepts():
        count_failure(account)
        raise refusal


def _refuse_last(account: Account, left: int) -> None:
    if left == 0 and account_policy(portal_of(account)).second_factor_required:
        raise LastFactor


def _added(actor: Actor, account: Account, factor: str) -> list[str]:
    db.session.flush()
    _note(actor, account, "second_factor.enrol", {"factor": factor})
    _note_security(actor, account, "second_factor.enrol", {"factor": factor})
    write_to_owner(actor, account, FACTOR_CHANGED, {"change": f"{factor}-added"})
    return [] if recovery_codes.count_codes(account) else recovery_codes.renew_codes(account)


def _removed(actor: Actor, account: Account, factor: str) -> None:
    db.session.flush()
    if not has_second_factor(account):
        recovery_codes.spend_codes(account)  # there is nothing left that they could stand in for
    _note(actor, account, "second_factor.remove", {"factor": factor})
    _note_security(actor, account, "second_factor.remove", {"factor": factor})
    write_to_owner(actor, account, FACTOR_CHANGED, {"change": f"{factor}-removed"})


def _note(actor: Actor, account: Account, action: str, changes: dict[str, Any] | None = None) -> None:
    note_change(actor, portal_of(account), action, account.id, patient_id=_patient_of(account), changes=changes)


def _note_security(actor: Actor, account: Account, kind: str, details: dict[str, Any] | None) -> None:
    portal = portal_of(account)
    facts = {"subject_type": SUBJECTS[portal], "subject_id": account.id, "portal": portal}
    note_security(actor, kind, **facts, **({"details": details} if details else {}))


def _patient_of(account: Account) -> UUID | None:
    return account.patient_id if isinstance(account, PatientUser) else None
