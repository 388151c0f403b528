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
from app.domain.identity.models import PatientUser
from app.domain.identity.passwords import PATIENT_LENGTH, check_new_password, hash_password
from app.domain.patients.models import Patient

LANGUAGES = ("vi", "en")


class AccountExists(Conflict):
    title = _l("There is an account already")
    default_message = _l("This patient already has an account in the patient portal.")


def create_patient_account(actor: Actor, *, patient_id: UUID, password: str, locale: str = "vi") -> PatientUser:
    """Give a patient an account; raises AccountExists, or InvalidValue for a weak password."""
    check_new_password(password, shortest=PATIENT_LENGTH)
    account = PatientUser(
        patient_id=patient_id, password_hash=hash_password(password), locale=locale, created_by=actor.id
    )
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
        patient_id=patient_id,
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
