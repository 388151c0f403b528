"""`flask platform invite-operator|…` and `flask hospital invite-staff|…`: accounts where no portal can be reached."""

from __future__ import annotations

from typing import Any

import click
import sqlalchemy as sa

from app.cli.hospital import hospital_commands
from app.cli.outcomes import explains_errors, put
from app.cli.platform import platform_commands
from app.core.actor import system_actor
from app.core.db import db
from app.core.errors import NotFound
from app.core.unit_of_work import unit_of_work
from app.domain.identity.closing import disable_account, enable_account, unlock_account
from app.domain.identity.invitations import invite
from app.domain.identity.letters import link_to
from app.domain.identity.models import StaffUser
from app.domain.identity.operators import get_operator_by_name, invite_operator, list_operators
from app.domain.identity.patient_accounts import print_access
from app.domain.identity.second_factor import reset_second_factor
from app.domain.identity.staff import StaffFacts, invite_staff
from app.domain.identity.staff_queries import list_staff
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from app.tenancy.models import OperatorRole

ACTOR = system_actor("command line")
ACTS = ("disable", "enable", "unlock", "invite", "reset-second-factor")

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
act = click.argument("act", type=click.Choice(ACTS))
reason = click.option("--reason", default="", help="Why; needed to disable, and to reset the second factor.")


@platform_commands.command("invite-operator")
@click.argument("username")
@click.option("--name", required=True, help="Full name.")
@click.option("--email", required=True)
@click.option("--role", type=click.Choice([role.value for role in OperatorRole]), default="technician")
@as_json
@explains_errors
def invite_operator_command(*, username: str, name: str, email: str, role: str, as_json: bool) -> None:
    """Send somebody a link with which they choose a password and operate the platform."""
    with unit_of_work():
        user = invite_operator(ACTOR, username=username, full_name=name, email=email, role=OperatorRole(role))
        facts = {"username": user.username, "role": user.role.value, "invited": user.email}
    put(facts, as_json=as_json)


@platform_commands.command("operator")
@click.argument("username")
@act
@reason
@as_json
@explains_errors
def operator_command(*, username: str, act: str, reason: str, as_json: bool) -> None:
    """Disable, enable, unlock or invite an operator again, or take a lost second factor away."""
    with unit_of_work():
        user = get_operator_by_name(username)
        _act_on(user, act, reason)
        facts = {"username": user.username, "done": act}
    put(facts, as_json=as_json)


@platform_commands.command("operators")
@click.option("--search", default="", help="Part of the name, sign-in name or address.")
@as_json
@explains_errors
def operators_command(*, search: str, as_json: bool) -> None:
    """List who operates the platform."""
    for row in list_operators(search, 1).items:
        put({"username": row.username, "role": row.role.value, "state": row.state.value}, as_json=as_json)


@hospital_commands.command("invite-staff")
@click.argument("code")
@click.argument("username")
@click.option("--name", required=True, help="Full name.")
@click.option("--email", required=True)
@click.option("--role", "roles", multiple=True, required=True, help="Code of a role; may be given again.")
@as_json
@explains_errors
def invite_staff_command(
    *, code: str, username: str, name: str, email: str, roles: tuple[str, ...], as_json: bool
) -> None:
    """Send somebody who works at a hospital a link with which they choose a password."""
    with bind_hospital(code), unit_of_work():
        staff = invite_staff(ACTOR, username=username, facts=StaffFacts(name, email), role_codes=roles)
        facts = {"hospital": code, "username": staff.username, "invited": email}
    put(facts, as_json=as_json)


@hospital_commands.command("staff")
@click.argument("code")
@click.argument("username")
@act
@reason
@as_json
@explains_errors
def staff_command(*, code: str, username: str, act: str, reason: str, as_json: bool) -> None:
    """Disable, enable, unlock or invite somebody who works at a hospital again, or take a lost second factor away."""
    with bind_hospital(code), unit_of_work():
        staff = db.session.scalar(
            sa.select(StaffUser).where(StaffUser.username == username.lower(), StaffUser.deleted_at.is_(None))
        )
        if staff is None:
            raise NotFound("Nobody at the hospital has this sign-in name.")
        _act_on(staff, act, reason)
        facts = {"hospital": code, "username": staff.username, "done": act}
    put(facts, as_json=as_json)


@hospital_commands.command("staff-accounts")
@click.argument("code")
@click.option("--search", default="", help="Part of the name, sign-in name or address.")
@click.option("--page", type=int, default=1, show_default=True)
@as_json
@explains_errors
def staff_accounts_command(*, code: str, search: str, page: int, as_json: bool) -> None:
    """List who works at a hospital, a page at a time."""
    with bind_hospital(code):
        for row in list_staff(search, None, None, None, page).items:
            put({"username": row.username, "name": row.full_name, "state": row.state.value}, as_json=as_json)


@hospital_commands.command("print-patient-access")
@click.argument("code")
@click.argument("patient_code")
@as_json
@explains_errors
def print_patient_access(code: str, patient_code: str, as_json: bool) -> None:
    """Make the code with which a patient (BN-…) chooses a password; it is shown this once."""
    with bind_hospital(code), unit_of_work():
        query = sa.select(Patient.id).where(Patient.code == patient_code, Patient.deleted_at.is_(None))
        patient_id = db.session.scalar(query)
        if patient_id is None:
            raise NotFound("The hospital has no patient with this code.")
        facts = {
            "patient": patient_code,
            "code": print_access(ACTOR, patient_id),
            "at": link_to("patient", "invitation"),
        }
    put(facts, as_json=as_json)


def _act_on(account: Any, act: str, reason: str) -> None:
    if act == "disable":
        disable_account(ACTOR, account, reason)
    elif act == "enable":
        enable_account(ACTOR, account)
    elif act == "unlock":
        unlock_account(ACTOR, account)
    elif act == "invite":
        invite(ACTOR, account)
    else:
        reset_second_factor(ACTOR, account, reason)
