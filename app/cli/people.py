"""`flask hospital add-staff|add-hours|add-patient-account`: a hospital's people, as long as no page adds them."""

from __future__ import annotations

import os
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa

from app.cli.hospital import hospital_commands
from app.cli.outcomes import explains_errors, put
from app.core import clock
from app.core.actor import system_actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.hours import add_hours
from app.domain.identity.patient_accounts import LANGUAGES, create_patient_account
from app.domain.identity.staff import create_staff
from app.domain.organisation.models import Department
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital

ACTOR = system_actor("command line")
PASSWORD_VARIABLE = "VIEN_NEW_PASSWORD"  # noqa: S105
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@hospital_commands.command("add-staff")
@click.argument("code")
@click.argument("username")
@click.option("--name", required=True, help="Full name.")
@click.option("--role", "roles", multiple=True, required=True, help="Code of a role; may be given again.")
@click.option("--department", help="Code of the department, such as NOI.")
@click.option("--specialization")
@click.option("--licence", help="Practice licence of a clinician.")
@click.option("--email")
@as_json
@explains_errors
def add_staff(
    *,
    code: str,
    username: str,
    name: str,
    roles: tuple[str, ...],
    department: str | None,
    specialization: str | None,
    licence: str | None,
    email: str | None,
    as_json: bool,
) -> None:
    """Give somebody who works at a hospital an account; the password is asked for, or taken from VIEN_NEW_PASSWORD."""
    password = _ask_password()
    with bind_hospital(code), unit_of_work():
        staff = create_staff(
            ACTOR,
            username=username,
            full_name=name,
            password=password,
            role_codes=roles,
            department_id=_department_id(department) if department else None,
            specialization=specialization,
            licence_number=licence,
            email=email,
        )
        facts = {"hospital": code, "username": staff.username, "roles": ",".join(sorted(roles))}
    put(facts, as_json=as_json)


@hospital_commands.command("add-hours")
@click.argument("code")
@click.argument("username")
@click.option("--department", required=True, help="Code of the department, such as NOI.")
@click.option("--day", "days", multiple=True, required=True, type=click.Choice(WEEKDAYS), help="May be given again.")
@click.option("--from", "starts", required=True, metavar="HH:MM")
@click.option("--to", "ends", required=True, metavar="HH:MM")
@click.option("--slot", type=int, default=30, show_default=True, help="Minutes for one visit.")
@click.option("--since", metavar="YYYY-MM-DD", help="First day; today where not given.")
@click.option("--until", metavar="YYYY-MM-DD", help="Last day; open where not given.")
@as_json
@explains_errors
def add_hours_command(
    *,
    code: str,
    username: str,
    department: str,
    days: tuple[str, ...],
    starts: str,
    ends: str,
    slot: int,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Give a doctor hours in which patients can book."""
    with bind_hospital(code) as hospital, unit_of_work():
        hours = add_hours(
            ACTOR,
            username=username,
            department_code=department,
            weekdays=[WEEKDAYS.index(day) for day in days],
            starts=_time(starts),
            ends=_time(ends),
            slot_minutes=slot,
            valid_from=_date(since) if since else clock.today(ZoneInfo(hospital.timezone)),
            valid_until=_date(until) if until else None,
        )
        facts = {"hospital": code, "username": username, "days": ",".join(days), "added": len(hours)}
    put(facts, as_json=as_json)


@hospital_commands.command("add-patient-account")
@click.argument("code")
@click.argument("patient_code")
@click.option("--locale", type=click.Choice(LANGUAGES), default="vi", show_default=True)
@as_json
@explains_errors
def add_patient_account(code: str, patient_code: str, locale: str, as_json: bool) -> None:
    """Give a patient (BN-…) an account; the password is asked for, or taken from VIEN_NEW_PASSWORD."""
    password = _ask_password()
    with bind_hospital(code), unit_of_work():
        query = sa.select(Patient.id).where(Patient.code == patient_code, Patient.deleted_at.is_(None))
        patient_id = db.session.scalar(query)
        if patient_id is None:
            raise NotFound("The hospital has no patient with this code.")
        create_patient_account(ACTOR, patient_id=patient_id, password=password, locale=locale)
    put({"hospital": code, "patient": patient_code}, as_json=as_json)


def _ask_password() -> str:
    return os.environ.get(PASSWORD_VARIABLE) or click.prompt(
        "Password", hide_input=True, confirmation_prompt=True, err=True
    )


def _department_id(code: str) -> UUID:
    found = db.session.scalar(sa.select(Department.id).where(Department.code == code))
    if found is None:
        raise InvalidValue("The hospital has no department with this code.", field="department")
    return found


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007
    except ValueError:
        raise InvalidValue(f"{text!r} is no time such as 07:30.") from None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"{text!r} is no day such as 2026-01-31.") from None
