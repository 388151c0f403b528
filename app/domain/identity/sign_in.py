"""Signing in by name and password. Whoever is wrong gets one answer; what comes after it is said in `second_factor`."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.unit_of_work import apart
from app.domain.identity.accounts import Account
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.passwords import password_fits
from app.domain.identity.throttle import seconds_left, wait_after
from app.domain.patients.models import Patient
from app.tenancy.models import PlatformUser

NOBODY = UUID(int=0)
AnyAccount = TypeVar("AnyAccount", PlatformUser, StaffUser, PatientUser)


class WrongCredentials(InvalidValue):
    """One answer for a wrong name, a wrong password and a try that comes too early: it tells nobody who is known."""

    default_message = _l(
        "The sign-in name or the password is not right. After several wrong tries, wait a few minutes before the next."
    )
    account_id: UUID | None = None  # whose it was, for the log of security events; never shown


class WrongCode(InvalidValue):
    default_message = _l("The code is not right, or it was used already. Wait for the next one.")


def check_operator(username: str, password: str) -> PlatformUser:
    """Return the operator with this name and password; raises WrongCredentials."""
    query = sa.select(PlatformUser).where(PlatformUser.username == username.strip().lower())
    return _check(PlatformUser, db.session.scalar(query), password)


def check_staff(username: str, password: str) -> StaffUser:
    """Return the member of staff with this name and password; raises WrongCredentials."""
    query = sa.select(StaffUser).where(StaffUser.username == username.strip().lower(), StaffUser.deleted_at.is_(None))
    return _check(StaffUser, db.session.scalar(query), password)


def check_patient(identifier: str, password: str) -> PatientUser:
    """Return the account of the patient with this CCCD or E.164 phone; raises WrongCredentials.

    A phone may be shared by a family: then the password decides between its accounts.
    """
    query = (
        sa.select(PatientUser)
        .join(Patient, Patient.id == PatientUser.patient_id)
        .where(sa.or_(Patient.cccd == identifier, Patient.phone == identifier), Patient.deleted_at.is_(None))
        .order_by(PatientUser.created_at)
        .limit(5)
    )
    accounts = list(db.session.scalars(query))
    fitting = [a for a in accounts if len(accounts) > 1 and password_fits(password, a.password_hash)]
    return _check(PatientUser, next(iter(fitting or accounts), None), password)


def check_again(account: AnyAccount, password: str) -> None:
    """Accept the password of somebody who is signed in; raises WrongCredentials, which counts as at the sign-in."""
    _check(type(account), account, password)


def forgive_failures(account: Account) -> None:
    """Forget the failures before, once somebody has passed every step of signing in."""
    if account.failed_sign_ins or account.throttled_until:
        kind: Any = type(account)
        db.session.execute(sa.update(kind).where(kind.id == account.id).values(failed_sign_ins=0, throttled_until=None))


def _check(kind: type[AnyAccount], account: AnyAccount | None, password: str) -> AnyAccount:
    """Return the account whose password this is; whoever is refused costs the same work, known or not."""
    waits = account is not None and seconds_left(account.throttled_until, clock.now()) > 0
    fits = password_fits(password, None if account is None or waits else account.password_hash)
    if account is not None and fits and account.disabled_at is None:
        return account
    _count(kind, NOBODY if account is None or waits or fits else account.id)
    raise _wrong(account)


def _wrong(account: Any | None) -> WrongCredentials:
    error = WrongCredentials(field="password")
    error.account_id = None if account is None else sa.inspect(account).identity[0]  # known without asking again
    return error


def count_failure(account: Account) -> None:
    """Count in a transaction of its own: the request that failed is rolled back, the count is not."""
    _count(type(account), account.id)


def _count(kind: Any, account_id: UUID) -> None:
    """Count somebody's failure, or do as much for NOBODY."""
    db.session.rollback()
    with apart() as session:
        failures = _increment(session, kind, account_id)
        session.execute(
            sa.update(kind).where(kind.id == account_id).values(throttled_until=clock.now() + wait_after(failures))
        )


def _increment(session: Any, kind: Any, account_id: UUID) -> int:
    query = (
        sa.update(kind)
        .where(kind.id == account_id)
        .values(failed_sign_ins=kind.failed_sign_ins + 1)
        .returning(kind.failed_sign_ins)
    )
    return int(session.execute(query).scalar_one_or_none() or 0)
