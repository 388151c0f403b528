"""Makes sure that the demo hospitals exist, are filled and have their accounts; what is there is left alone."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from app.cli.demo.accounts import Account, DemoSecrets, list_accounts
from app.cli.demo.cast import HOSPITALS, OPERATORS, DemoHospital, Operator
from app.core.actor import system_actor
from app.core.crypto import Keyring
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import StaffUser
from app.domain.identity.operators import create_operator
from app.domain.identity.totp import enrol
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from app.tenancy.making import provision_hospital
from app.tenancy.models import Hospital, HospitalStatus, PlatformUser
from app.tenancy.provisioning import HospitalRequest, request_hospital

ACTOR = system_actor("demo data")


def ensure_demo(app: Flask) -> list[Account]:
    """Make what is missing of the demo and return its accounts; call it in an application context, nothing bound.

    A hospital is filled in one transaction, so that a run killed half-way leaves one that the next run fills.
    """
    secrets = DemoSecrets(app.extensions["settings"].secret_key)
    keyring: Keyring = app.extensions["keyring"]
    statuses = _statuses()
    for hospital in HOSPITALS:
        if statuses.get(hospital.code) in (None, HospitalStatus.PROVISIONING):
            _make(hospital, registered=hospital.code in statuses)
            statuses[hospital.code] = HospitalStatus.ACTIVE
        if statuses[hospital.code] is HospitalStatus.ACTIVE:
            _fill_once(hospital, secrets, keyring)
            _enrol_staff(hospital, secrets, keyring)
    _make_operators(secrets, keyring)
    return list_accounts(secrets)


def _statuses() -> dict[str, HospitalStatus]:
    codes = [hospital.code for hospital in HOSPITALS]
    with unit_of_work() as session:
        rows = session.execute(sa.select(Hospital.code, Hospital.status).where(Hospital.code.in_(codes)))
        return {row.code: row.status for row in rows}


def _make(hospital: DemoHospital, *, registered: bool) -> None:
    if not registered:
        with unit_of_work():
            request_hospital(
                ACTOR,
                HospitalRequest(code=hospital.code, name=hospital.name, display_name=hospital.name, is_demo=True),
            )
    provision_hospital(ACTOR, hospital.code)


def _fill_once(hospital: DemoHospital, secrets: DemoSecrets, keyring: Keyring) -> None:
    with bind_hospital(hospital.code), unit_of_work() as session:
        if session.scalar(sa.select(sa.exists().select_from(Patient))):
            return
        from app.cli.demo.filling import fill  # Faker is slow to load, and only the first start needs it

        fill(hospital, ACTOR, secrets, keyring)


def _enrol_staff(hospital: DemoHospital, secrets: DemoSecrets, keyring: Keyring) -> None:
    """Give those an authenticator app who were made when they needed none."""
    names = [person.username for person in hospital.staff]
    with bind_hospital(hospital.code), unit_of_work() as session:
        query = sa.select(StaffUser).where(StaffUser.username.in_(names), StaffUser.totp_ciphertext.is_(None))
        for account in session.scalars(query):
            enrol(keyring, account, secrets.totp_secret(f"{hospital.code}/{account.username}"))


def _make_operators(secrets: DemoSecrets, keyring: Keyring) -> None:
    with unit_of_work() as session:
        names = [person.username for person in OPERATORS]
        known = session.scalars(sa.select(PlatformUser).where(PlatformUser.username.in_(names)))
        present = {user.username: user for user in known}
        for person in OPERATORS:
            user = present.get(person.username)
            if user is None:
                _make_operator(person, secrets, keyring)
            elif user.totp_ciphertext is None:
                enrol(keyring, user, secrets.totp_secret(person.username))


def _make_operator(person: Operator, secrets: DemoSecrets, keyring: Keyring) -> None:
    user = create_operator(
        ACTOR,
        username=person.username,
        full_name=person.full_name,
        email=person.email,
        role=person.role,
        password=secrets.staff_password,
    )
    enrol(keyring, user, secrets.totp_secret(person.username))
    db.session.flush()
