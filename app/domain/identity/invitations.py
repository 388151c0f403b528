"""Inviting staff: a link by e-mail that works once, within a week, and with which they choose their password."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urljoin

import sqlalchemy as sa
from flask import current_app

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _l
from app.core.ids import hash_token, new_token
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.passwords import STAFF_LENGTH, check_new_password, hash_password
from app.domain.identity.proofs import Invitation
from app.domain.messages.operations import queue_letter
from app.domain.messages.templates import INVITATION
from app.tenancy.binding import bound_hospital
from app.tenancy.domains import portal_url

LASTS = timedelta(days=7)


class InvitationOver(NotFound):
    """The link was used, is too old, or was never given."""

    title = _l("This invitation is no longer valid")
    default_message = _l("An invitation works once and for seven days.")
    remedy = _l("If you have chosen your password already, sign in. Otherwise ask for a new invitation.")


def invite(actor: Actor, staff: StaffUser) -> None:
    """Send somebody a link with which they choose their password; earlier links of theirs end. Needs an address."""
    if not staff.email:
        raise InvalidValue(_l("An invitation needs an e-mail address."), field="email")
    token, now, hospital = new_token(), clock.now(), bound_hospital()
    db.session.execute(
        sa.update(Invitation)
        .where(Invitation.staff_id == staff.id, Invitation.used_at.is_(None), Invitation.expires_at > now)
        .values(expires_at=now)
    )
    invitation = Invitation(
        staff_id=staff.id, token_hash=hash_token(token), created_at=now, created_by=actor.id, expires_at=now + LASTS
    )
    db.session.add(invitation)
    db.session.flush()
    settings = current_app.extensions["settings"]
    home = portal_url(settings, hospital.code, "hospital", hospital.custom_domain)
    queue_letter(
        f"invitation:{invitation.id}",
        INVITATION,
        recipient=staff.email,
        locale=staff.locale,
        facts={
            "name": staff.full_name,
            "username": staff.username,
            "hospital": hospital.display_name,
            "link": f"{urljoin(settings.base_url, home)}invitation/{token}",
        },
        created_by=actor.id,
    )
    record_change(actor, "staff.invite", subject_type="staff_user", subject_id=staff.id)


def find_invited(token: str) -> StaffUser:
    """Return whom a link invites; raises InvitationOver."""
    return db.session.get_one(StaffUser, _get(token).staff_id)


def accept_invitation(token: str, password: str, *, address: str | None, request_id: str | None) -> StaffUser:
    """Give somebody the password that they chose; the link ends. Raises InvitationOver or InvalidValue."""
    check_new_password(password, shortest=STAFF_LENGTH)
    invitation = _get(token, locked=True)
    staff = db.session.get_one(StaffUser, invitation.staff_id)
    staff.password_hash = hash_password(password)
    invitation.used_at = clock.now()
    db.session.flush()
    actor = Actor(ActorKind.STAFF, staff.id, staff.full_name, address=address, request_id=request_id)
    record_change(actor, "staff.accept_invitation", subject_type="staff_user", subject_id=staff.id)
    return staff


def _get(token: str, *, locked: bool = False) -> Invitation:
    query = (
        sa.select(Invitation)
        .join(StaffUser, StaffUser.id == Invitation.staff_id)
        .where(
            Invitation.token_hash == hash_token(token),
            Invitation.used_at.is_(None),
            Invitation.expires_at > clock.now(),
            StaffUser.disabled_at.is_(None),
            StaffUser.deleted_at.is_(None),
        )
    )
    found = db.session.scalar(query.with_for_update(of=Invitation) if locked else query)
    if found is None:
        raise InvitationOver
    return found
