"""A hospital's first administrator: chosen by an operator before the hospital has a database to be in."""

from __future__ import annotations

import re

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.identity.invitations import invite
from app.domain.identity.models import Role, StaffRole, StaffUser
from app.domain.identity.passwords import NO_PASSWORD, STAFF_LENGTH, check_new_password, hash_password, words_in
from app.domain.messages.addresses import BadAddress, check_address
from app.tenancy.provisioning import FirstAdministrator

USERNAME = re.compile(r"^[a-z][a-z0-9._-]{2,49}$")
ROLE = "administrator"


def first_administrator(
    *, username: str, full_name: str, email: str | None = None, password: str | None = None
) -> FirstAdministrator:
    """Return the person, with a hash in place of a password; raises InvalidValue.

    Who has an e-mail address is invited and chooses the password; who has none is given one.
    """
    username = username.strip().lower()
    if not USERNAME.match(username):
        raise InvalidValue(
            _l("Use 3 to 50 lower-case letters, digits, dots and hyphens, beginning with a letter."), field="username"
        )
    if email:
        return FirstAdministrator(username=username, full_name=full_name, email=check_administrator_address(email))
    check_new_password(password or "", shortest=STAFF_LENGTH, about=words_in(username, full_name))
    return FirstAdministrator(username=username, full_name=full_name, password_hash=hash_password(password or ""))


def write_first_administrator(actor: Actor, person: FirstAdministrator) -> None:
    """Give the bound hospital its first administrator, unless an earlier try has done so."""
    if db.session.scalar(sa.select(StaffUser.id).where(StaffUser.username == person.username)) is not None:
        return
    staff = StaffUser(
        username=person.username,
        full_name=person.full_name,
        email=person.email,
        password_hash=person.password_hash or NO_PASSWORD,
        must_change_password=person.password_hash is not None,  # an operator knows it
        created_by=actor.id,
    )
    db.session.add(staff)
    db.session.flush()
    role_id = db.session.scalars(sa.select(Role.id).where(Role.code == ROLE)).one()
    db.session.execute(sa.insert(StaffRole), {"staff_id": staff.id, "role_id": role_id})
    record_change(
        actor,
        "staff.create",
        subject_type="staff_user",
        subject_id=staff.id,
        changes={"roles": [None, [ROLE]]},
        event={},
    )
    if person.password_hash is None:
        invite(actor, staff)


def check_administrator_address(email: str) -> str:
    """Return the address to which an invitation can be sent; raises InvalidValue."""
    try:
        return check_address(email)
    except BadAddress:
        raise InvalidValue(_l("Enter an e-mail address such as ten@benhvien.vn."), field="email") from None
