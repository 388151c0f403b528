"""What others know of an account's owner and of the hospital: no password may be made of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.core.db import db
from app.domain.identity.browsers import portal_of
from app.domain.identity.passwords import words_in
from app.domain.patients.models import Patient
from app.tenancy.binding import find_bound_hospital


def words_about(account: Any) -> list[str]:
    """Return the words that a password of this account may not be made of."""
    if portal_of(account) == "patient":
        patient = db.session.get_one(Patient, account.patient_id)
        own = [
            *words_in(patient.full_name, patient.code, patient.cccd, patient.bhyt, patient.email),
            *phone_forms(patient.phone),
            *day_forms(patient.born_on),
        ]
    else:
        own = [
            *words_in(account.username, account.full_name, account.email, getattr(account, "licence_number", None)),
            *phone_forms(getattr(account, "phone", None)),
        ]
    return [*own, *words_about_hospital()]


def words_about_hospital() -> list[str]:
    """Return the words that no password at the bound hospital may be made of."""
    hospital = find_bound_hospital()
    return words_in(hospital.code, hospital.display_name) if hospital else []


def phone_forms(phone: str | None) -> list[str]:
    """Return how a telephone number is written: with the country's code and without."""
    if not phone:
        return []
    digits = "".join(sign for sign in phone if sign.isdigit())
    return [digits, "0" + digits.removeprefix("84"), digits.removeprefix("84")]


def day_forms(day: date | None) -> list[str]:
    """Return how a birthday is written in digits."""
    return [f"{day:%d%m%Y}", f"{day:%d%m%y}", f"{day:%Y%m%d}", f"{day:%d%m}", f"{day:%Y}"] if day else []
