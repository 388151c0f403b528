"""The front door: finding the hospitals that know a person, asking each of them, and handing the person over.

The centre knows nobody by name: it is asked with a keyed digest. Whoever is wrong gets one answer, whether the person
is unknown, the password wrong, or a hospital away; and no answer says which hospital it was about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core import clock
from app.core.actor import Actor
from app.core.crypto import BlindIndex
from app.core.db import db
from app.core.errors import Forbidden, InvalidValue
from app.core.formats.phones import parse_phone
from app.core.i18n import _l
from app.core.ids import hash_token, new_token
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import PatientSession, PatientUser
from app.domain.identity.passwords import password_fits
from app.domain.identity.sign_in import WrongCredentials, check_patient
from app.domain.patients.cccd import parse_cccd
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, bound_hospital, tenancy
from app.tenancy.errors import (
    HospitalNotReady,
    HospitalPaused,
    HospitalSuspended,
    HospitalUnavailable,
    UnknownHospital,
    WrongDatabase,
)
from app.tenancy.models import Hospital, HospitalStatus, PatientIndexEntry

log = get_logger(__name__)

HAND_OFF = timedelta(seconds=60)
MOST_HOSPITALS = 10
LEAST_HASHES = 2  # as many password checks for a stranger as for somebody whom two hospitals know
_TWELVE_DIGITS = re.compile(r"[0-9]{12}")
_SEPARATORS = re.compile(r"[\s.\-]")
NOT_SERVED = (HospitalSuspended, HospitalNotReady, HospitalPaused, UnknownHospital)
UNREACHABLE = (DBAPIError, PoolTimeout, WrongDatabase)


class UnknownPerson(WrongCredentials):
    default_message = _l("The number or the password is not right. Check both and try again.")


class HandOffRefused(Forbidden):
    title = _l("This link can no longer be used")
    default_message = _l("The way from the front door into the hospital works once, within a minute.")
    remedy = _l("Please sign in again.")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A normalised CCCD or telephone number, by which a person is found."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A hospital where the person's credentials fit."""

    code: str
    name: str
    account_id: UUID


def parse_identifier(text: str) -> Identifier:
    """Read a CCCD or a telephone number as a person types it; raises InvalidValue."""
    compact = _SEPARATORS.sub("", text)
    try:
        if _TWELVE_DIGITS.fullmatch(compact):
            return Identifier("cccd", parse_cccd(compact).number)
        return Identifier("phone", parse_phone(text))
    except InvalidValue:
        raise InvalidValue(
            _l("Enter the 12 digits of your CCCD, or your telephone number, for example 0912 345 678."),
            field="username",
        ) from None


def check_patient_at_hospital(text: str, password: str) -> PatientUser:
    """Return the account at the bound hospital; raises InvalidValue or UnknownPerson."""
    identifier = parse_identifier(text)
    try:
        return check_patient(identifier.value, password)
    except WrongCredentials:
        raise UnknownPerson(field="password") from None


def check_everywhere(index: BlindIndex, text: str, password: str) -> list[Choice]:
    """Return the hospitals where a person's credentials fit; raises InvalidValue, or UnknownPerson for all else."""
    identifier = parse_identifier(text)
    codes = find_hospitals(index, identifier)
    choices = [choice for code in codes if (choice := _check_at(code, identifier, password)) is not None]
    for _spared in range(LEAST_HASHES - len(codes)):
        password_fits(password, None)
    if not choices:
        raise UnknownPerson(field="password")
    return sorted(choices, key=lambda choice: choice.name)


def hospital_name(code: str) -> str:
    """Return the name under which a hospital is known to patients; raises UnknownHospital."""
    return tenancy().registry.get_by_code(code).display_name


def begin_hand_off(actor: Actor, code: str, account_id: UUID) -> str:
    """Make a hand-off into a hospital and return its token, which works once within a minute."""
    token, now = new_token(), clock.now()
    try:
        with bind_hospital(code), unit_of_work() as session:
            session.add(
                PatientSession(
                    patient_user_id=account_id,
                    handoff_hash=hash_token(token),
                    handoff_expires_at=now + HAND_OFF,
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + HAND_OFF,
                    address=actor.address,
                )
            )
    except UNREACHABLE as error:
        log.error("hospital unreachable at the front door", hospital=code, error=type(error).__name__)
        raise HospitalUnavailable from error
    return token


def redeem_hand_off(token: str) -> PatientUser:
    """Use up a hand-off at the bound hospital; raises HandOffRefused for one used, expired or made elsewhere.

    Whose it is has a session afterwards, or is asked for the second factor first.
    """
    return _use_up(token)


def find_hospitals(index: BlindIndex, identifier: Identifier) -> list[str]:
    """Return the codes of the hospitals that know a person, as far as the centre was told."""
    column = PatientIndexEntry.cccd_index if identifier.kind == "cccd" else PatientIndexEntry.phone_index
    query = (
        sa.select(Hospital.code)
        .join(PatientIndexEntry, PatientIndexEntry.hospital_id == Hospital.id)
        .where(
            column == index.of(identifier.kind, identifier.value),
            PatientIndexEntry.deactivated_at.is_(None),
            Hospital.status == HospitalStatus.ACTIVE,
        )
        .distinct()
        .order_by(Hospital.code)
        .limit(MOST_HOSPITALS)
    )
    with unit_of_work() as session:
        return list(session.scalars(query))


def _check_at(code: str, identifier: Identifier, password: str) -> Choice | None:
    """Ask one hospital in a unit of work of its own; a refusal, a wait and a silence are the same to the asker."""
    try:
        with bind_hospital(code), unit_of_work():
            account = check_patient(identifier.value, password)
            return Choice(code, bound_hospital().display_name, account.id)
    except WrongCredentials:
        return None
    except NOT_SERVED:
        pass
    except UNREACHABLE as error:
        log.error("hospital unreachable at the front door", hospital=code, error=type(error).__name__)
    password_fits(password, None)  # as much work as where the password was checked
    return None


def _use_up(token: str) -> PatientUser:
    now = clock.now()
    account_id = db.session.scalar(
        sa.update(PatientSession)
        .where(
            PatientSession.handoff_hash == hash_token(token),
            PatientSession.handoff_expires_at > now,
            PatientSession.ended_at.is_(None),
        )
        .values(ended_at=now, ended_reason="handed_over")
        .returning(PatientSession.patient_user_id)
    )
    account = db.session.get(PatientUser, account_id) if account_id else None
    patient = db.session.get(Patient, account.patient_id) if account else None
    if account is None or account.disabled_at is not None or patient is None or patient.deleted_at is not None:
        raise HandOffRefused
    return account
