"""Operators sign in and out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.core.actor import Actor
from app.core.db import db
from app.core.permissions import public
from app.domain.identity.sign_in import check_operator
from app.tenancy.audit import record_platform_change
from app.tenancy.models import PlatformUser
from app.web.account import add_account
from app.web.invitations import add_invitations
from app.web.live import add_live
from app.web.own_password import add_own_password
from app.web.render import see_other
from app.web.resets import add_resets
from app.web.second_factor import add_second_factor
from app.web.second_factor_account import add_own_second_factor
from app.web.sign_in import Portal, add_sign_in


def _find_account(account_id: UUID) -> PlatformUser | None:
    return db.session.get(PlatformUser, account_id)


def _record(actor: Actor, action: str, account: Any) -> None:
    record_platform_change(db.session(), actor, action, subject_type="platform_user", subject_id=account.id)


@admin.get("/")
@public
def index() -> BaseResponse:
    """Go to the first page; who is not signed in is asked there."""
    return see_other(url_for("admin.hospitals_index"))


PORTAL = Portal(
    check=check_operator,
    find_account=_find_account,
    home="admin.hospitals_index",
    record=_record,
)
add_sign_in(admin, PORTAL)
add_second_factor(admin, PORTAL)
add_own_second_factor(admin, PORTAL)
add_account(admin)
add_live(admin, "admin")
add_own_password(admin)
add_invitations(admin)
add_resets(admin)
