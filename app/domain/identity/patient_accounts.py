"""Patients' accounts: making one, what it knows of its owner, and the language it is spoken to in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.account_words import words_about
from app.domain.identity.invitations import end_invitations, invite, invite_on_paper
from app.domain.identity.models import PatientUser
from app.domain.identity.passwords import NO_PASSWORD, check_new_password, hash_password
from app.domain.identity.resets import end_resets
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital
from app.tenancy.policies import account_policy

LANGUAGES = ("vi", "en")


class AccountExists(Conflict):
    title = _l("There is an account already")
    default_message = _l("This patient already has an account in the patient portal.")


class NoSignInName(Conflict):
    title = _l("The patient could not sign in")
    default_message = _l("Patients sign in with their CCCD number or mobile number, and neither is known.")
    remedy = _l("Write one of them down first.")


class AccountClosed(Conflict):
    title = _l("The account is disabled")
    default_message = _l("Nobody can sign in with this account.")
    remedy = _l("Enable it first.")


def create_patient_account(actor: Actor, *, patient_id: UUID, password: str, locale: str = "vi") -> PatientUser:
    """Give a patient an account; raises AccountExists, or InvalidValue for a weak password."""
    account = PatientUser(patient_id=patient_id, locale=locale, created_by=actor.id, password_hash=NO_PASSWORD)
    check_new_password(password, shortest=account_policy("patient").shortest_password, about=words_about(account))
    account.password_hash = hash_password(password)
    return _add(actor, account)


def give_access(actor: Actor, patient_id: UUID) -> PatientUser:
    """Send a patient a link by e-mail, with which they choose a password; makes the account where there is none.

    Raises InvalidValue without a usable address, NoSignInName, or AccountClosed.
    """
    account = _account_for_access(actor, patient_id)
    invite(actor, account)
    return account


def print_access(actor: Actor, patient_id: UUID) -> str:
    """Return a code to be printed and handed to the patient; makes the account where there is none.

    Raises NoSignInName or AccountClosed. The desk has seen who it is.
    """
    return invite_on_paper(actor, _account_for_access(actor, patient_id))


def find_patient_account(patient_id: UUID) -> PatientUser | None:
    """Return a patient's account, or None."""
    return db.session.scalar(sa.select(PatientUser).where(PatientUser.patient_id == patient_id))


def get_patient_account(patient_id: UUID) -> PatientUser:
    """Return a patient's account; raises NotFound."""
    account = find_patient_account(patient_id)
    if account is None:
        raise NotFound
    return account


def end_sent_links(patient_id: UUID) -> None:
    """Let what was sent to a patient's address of before open nothing any more; a sheet of paper stays good."""
    account = find_patient_account(patient_id)
    if account is not None:
        end_invitations(account, keep_paper=True)
        end_resets(account)


def _account_for_access(actor: Actor, patient_id: UUID) -> PatientUser:
    patient = db.session.get(Patient, patient_id)
    if patient is None or patient.deleted_at is not None:
        raise NotFound
    if not patient.cccd and not patient.phone:
        raise NoSignInName
    account = find_patient_account(patient_id)
    if account is None:
        locale = bound_hospital().locale
        new = PatientUser(patient_id=patient_id, locale=locale, created_by=actor.id, password_hash=NO_PASSWORD)
        return _add(actor, new)
    if account.disabled_at is not None:
        raise AccountClosed
    return account


def _add(actor: Actor, account: PatientUser) -> PatientUser:
    try:
        with db.session.begin_nested():
            db.session.add(account)
    except IntegrityError:
        raise AccountExists from None
    record_change(
        actor,
        "patient_account.create",
        subject_type="patient_user",
        subject_id=account.id,
        patient_id=account.patient_id,
    )
    return account


def get_profile(actor: Actor, patient_id: UUID) -> sa.Row[*tuple[Any, ...]]:
    """Return what the hospital knows of a patient, for that patient's own profile page."""
    row = db.session.execute(
        sa.select(
            Patient.code,
            Patient.full_name,
            Patient.born_on,
            Patient.sex,
            Patient.cccd,
            Patient.bhyt,
            Patient.phone,
            Patient.email,
            Patient.street,
            Patient.ward,
            Patient.province,
        ).where(Patient.id == patient_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    record_access(actor, "own.profile", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return row


def choose_language(actor: Actor, account_id: UUID, locale: str) -> None:
    """Remember the language in which a patient is written to; raises InvalidValue."""
    if locale not in LANGUAGES:
        raise InvalidValue(_l("Choose one of the languages."), field="locale")
    account = db.session.get(PatientUser, account_id)
    if account is None:
        raise NotFound
    if account.locale == locale:
        return
    before, account.locale = account.locale, locale
    db.session.flush()
    record_change(
        actor,
        "patient_account.language",
        subject_type="patient_user",
        subject_id=account.id,
        patient_id=account.patient_id,
        changes={"locale": [before, locale]},
    )
