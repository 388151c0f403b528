"""Staff sign in and out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import public
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.sign_in import check_staff
from app.hospital import hospital
from app.web.account import add_account
from app.web.invitations import add_invitations
from app.web.live import add_live
from app.web.own_password import add_own_password
from app.web.render import see_other
from app.web.resets import add_resets
from app.web.second_factor import add_second_factor
from app.web.second_factor_account import add_own_second_factor
from app.web.sign_in import Portal, add_sign_in


def _find_account(account_id: UUID) -> StaffUser | None:
    return db.session.get(StaffUser, account_id)


def _record(actor: Actor, action: str, account: Any) -> None:
    record_change(actor, action, subject_type="staff_user", subject_id=account.id)


@hospital.get("/")
@public
def index() -> BaseResponse:
    """Go to the first page; who is not signed in is asked there."""
    return see_other(url_for("hospital.today"))


PORTAL = Portal(
    check=check_staff,
    find_account=_find_account,
    home="hospital.today",
    record=_record,
)
add_sign_in(hospital, PORTAL)
add_second_factor(hospital, PORTAL)
add_own_second_factor(hospital, PORTAL)
add_account(hospital)
add_live(hospital, "hospital")
add_own_password(hospital)
add_invitations(hospital)
add_resets(hospital)
