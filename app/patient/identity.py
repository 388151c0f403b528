"""Patients sign in and out at a hospital whose address they know."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import public
from app.domain.audit.operations import record_change
from app.domain.identity.models import PatientSession, PatientUser
from app.domain.identity.sessions import PATIENT_LIMITS, find_patient
from app.domain.identity.sign_in import check_patient
from app.patient import patient
from app.web.render import see_other
from app.web.sign_in import Portal, add_sign_in


def _find_account(account_id: UUID) -> PatientUser | None:
    return db.session.get(PatientUser, account_id)


def _record(actor: Actor, action: str, account: Any) -> None:
    record_change(actor, action, subject_type="patient_user", subject_id=account.id)


@patient.get("/")
@public
def index() -> BaseResponse:
    """Go to the first page; who is not signed in is asked there."""
    return see_other(url_for("patient.home"))


add_sign_in(
    patient,
    Portal(
        check=check_patient,
        find_account=_find_account,
        find_signed_in=find_patient,
        session_model=PatientSession,
        owner="patient_user_id",
        limits=PATIENT_LIMITS,
        home="patient.home",
        record=_record,
    ),
)
