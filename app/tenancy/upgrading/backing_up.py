"""A backup right before a migration, so that a way back which is not written is a restore."""

from __future__ import annotations

from uuid import UUID

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import VienError
from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.kinds import kind_named
from app.tenancy.ledger.performing import first_line, perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital
from app.tenancy.upgrading.errors import NoBackups

BACK_UP = "hospital.backup"
ARGUMENTS = {"reason": "before_migration"}


def check_backups() -> None:
    """Refuse a wish for backups where this release cannot make any; raises NoBackups."""
    try:
        kind_named(BACK_UP)
    except LookupError:
        raise NoBackups from None


def back_up(actor: Actor, hospital_id: UUID) -> str | None:
    """Back a hospital up here and now; return why it could not be done, or None."""
    try:
        with unit_of_work():
            hospital = db.session.get_one(Hospital, hospital_id)
            wanted = request_operation(actor, BACK_UP, hospital=hospital, arguments=ARGUMENTS, wake=False).id
        perform(wanted)
    except (VienError, OSError) as error:
        return f"no backup before it: {first_line(error)}"
    return None
