"""Whose a proof is: which column of the proofs' tables names an account."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.core.db import db
from app.domain.identity.accounts import Account
from app.domain.identity.browsers import portal_of
from app.domain.identity.models import PatientUser
from app.domain.identity.sessions import KINDS
from app.domain.patients.models import Patient


def name_of(account: Account) -> str:
    """Return the name of the person to whom an account belongs."""
    if isinstance(account, PatientUser):
        return str(db.session.scalar(sa.select(Patient.full_name).where(Patient.id == account.patient_id)))
    return str(account.full_name)  # type: ignore[attr-defined]


def label_of(account: Account) -> str:
    """Return how an account is told apart in its owner's authenticators: the sign-in name, or a patient's own name."""
    return name_of(account) if isinstance(account, PatientUser) else str(account.username)  # type: ignore[attr-defined]


def owner_of(account: Account) -> dict[str, Any]:
    """Return the column of a proof that names the account, with its id."""
    return {KINDS[portal_of(account)].owner: account.id}


def owned_by(model: Any, account: Account) -> sa.ColumnElement[bool]:
    """Return the condition that a proof is this account's."""
    condition: sa.ColumnElement[bool] = getattr(model, KINDS[portal_of(account)].owner) == account.id
    return condition
