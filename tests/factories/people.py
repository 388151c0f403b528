"""Staff, patients and their accounts."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.passwords import hash_password
from app.domain.identity.staff import create_staff
from app.domain.organisation.models import Department
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import Patient, Sex
from tests.support.platform import ACTOR

PASSWORD = "mat-khau-thu-nghiem"
_numbers = count(1)


def department_id(code: str = "NOI") -> UUID:
    """Return the id of a preset department."""
    return db.session.scalars(sa.select(Department.id).where(Department.code == code)).one()


def make_staff(role: str = "doctor", *, department: str = "NOI", **facts: Any) -> StaffUser:
    """Make a member of staff with a preset role."""
    number = next(_numbers)
    return create_staff(
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
