"""Staff, patients and their accounts."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.core.db import db
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.operators import create_operator
from app.domain.identity.passwords import hash_password
from app.domain.identity.staff import create_staff
from app.domain.identity.totp import enrol
from app.domain.organisation.models import Department
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import Patient, Sex
from app.tenancy.models import OperatorRole, PlatformUser
from tests.support.authenticator import TOTP_SECRET
from tests.support.platform import ACTOR

AnyAccount = TypeVar("AnyAccount", StaffUser, PatientUser, PlatformUser)

PASSWORD = "mat-khau-thu-nghiem"
_numbers = count(1)


def department_id(code: str = "NOI") -> UUID:
    """Return the id of a preset department."""
    return db.session.scalars(sa.select(Department.id).where(Department.code == code)).one()


def make_staff(role: str = "doctor", *, department: str = "NOI", enrolled: bool = True, **facts: Any) -> StaffUser:
    """Make a member of staff with a preset role and, unless told otherwise, an authenticator app."""
    number = next(_numbers)
    staff = create_staff(
        ACTOR,
        **{
            "username": f"{role}{number}",
            "full_name": f"Nhân viên Thử {number}",
            "password": PASSWORD,
            "role_codes": (role,),
            "department_id": department_id(department),
            **facts,
        },
    )
    return with_app(staff) if enrolled else staff


def make_operator(username: str = "operator", role: OperatorRole = OperatorRole.SUPER_ADMIN) -> PlatformUser:
    """Make an operator with an authenticator app."""
    operator = create_operator(
        ACTOR,
        username=username,
        full_name="Vận hành Thử",
        email="ops@vien.example",
        role=role,
        password=PASSWORD,
    )
    return with_app(operator)


def with_app(account: AnyAccount) -> AnyAccount:
    """Give an account the authenticator app of which browsers of tests know the secret."""
    enrol(current_app.extensions["keyring"], account, TOTP_SECRET)
    db.session.flush()
    return account


def make_patient(**facts: Any) -> Patient:
    """Make a patient with a valid CCCD of their own."""
    number = next(_numbers)
    born_on: date = facts.get("born_on", date(1980, 5, 17))
    sex = Sex(facts.get("sex", Sex.FEMALE))
    patient = Patient(
        **{
            "full_name": f"Người Bệnh Thử {number}",
            "born_on": born_on,
            "sex": sex,
            "cccd": compose_cccd("001", sex, born_on.year, number) if sex is not Sex.OTHER else None,
            "phone": f"+8490{number:07d}",
            **facts,
        }
    )
    db.session.add(patient)
    db.session.flush()
    db.session.refresh(patient)
    return patient


def make_patient_user(patient: Patient | None = None, **facts: Any) -> PatientUser:
    """Make a patient's account."""
    patient = patient or make_patient()
    account = PatientUser(**{"patient_id": patient.id, "password_hash": hash_password(PASSWORD), **facts})
    db.session.add(account)
    db.session.flush()
    return account
