"""Patients sign in and out at a hospital whose address they know."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import session

from app.core.actor import Actor
from app.core.db import db
from app.domain.audit.operations import record_change
from app.domain.identity.front_door import check_patient_at_hospital
from app.domain.identity.models import PatientUser
from app.patient import patient
from app.patient.forms.sign_in import PatientSignInForm
from app.web.account import add_account
from app.web.invitations import add_invitation_codes, add_invitations
from app.web.live import add_live
from app.web.own_password import add_own_password
from app.web.resets import add_resets
from app.web.second_factor import add_second_factor
from app.web.second_factor_account import add_own_second_factor
from app.web.sign_in import Portal, add_sign_in


def _find_account(account_id: UUID) -> PatientUser | None:
    return db.session.get(PatientUser, account_id)


def note_session(actor: Actor, action: str, account: Any) -> None:
    """Write down that a session began or ended, and begin it in the patient's own language."""
    record_change(actor, action, subject_type="patient_user", subject_id=account.id, patient_id=account.patient_id)
    if action == "session.begin":
        session.setdefault("locale", account.locale)


PORTAL = Portal(
    check=check_patient_at_hospital,
    find_account=_find_account,
    home="patient.home",
    record=note_session,
    form=PatientSignInForm,
    front_door="patient.index",
)
add_sign_in(patient, PORTAL)
add_second_factor(patient, PORTAL)
add_own_second_factor(patient, PORTAL)
add_account(patient)
add_live(patient, "patient")
add_own_password(patient)
add_invitations(patient)
add_invitation_codes(patient)
add_resets(patient)
