"""What a hospital does with requests for support access: hear of them, grant them for hours, refuse them, end them.

Every act is in the hospital's audit log, tells the centre through the outbox, and counts at the next request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from urllib.parse import urljoin
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.identity.models import RolePermission, StaffRole, StaffUser
from app.domain.identity.permissions import GRANT_SUPPORT
from app.domain.messages.addresses import BadAddress, check_address
from app.domain.messages.operations import queue_letter
from app.domain.messages.templates import SUPPORT_REQUEST
from app.domain.security.events import record_security_event
from app.domain.support.models import SupportGrant, SupportSession
from app.domain.support.rules import GRANTABLE_CODES
from app.tenancy.binding import bound_hospital
from app.tenancy.domains import portal_url
from app.tenancy.models.support import MOST_HOURS, SupportRequest, SupportState

MOST_LETTERS = 20


class AlreadyAnswered(Conflict):
    title = _l("This request was answered already")
    default_message = _l("Somebody answered it, or it was taken back, since you opened this page.")


def receive_requests(requests: Sequence[SupportRequest]) -> None:
    """Write down what operators asked or took back; the same again changes nothing."""
    for request in requests:
        if request.state is SupportState.ASKED:
            _receive(request)
        elif request.state in (SupportState.WITHDRAWN, SupportState.ENDED):
            _take_back(request)


def grant_support(actor: Actor, grant_id: UUID, *, hours: int, permissions: Iterable[str]) -> SupportGrant:
    """Let the operator in for hours, to see what is named; raises InvalidValue or AlreadyAnswered."""
    wanted = sorted(set(permissions))
    if not 1 <= hours <= MOST_HOURS:
        raise InvalidValue(_l("Choose between 1 and %(count)s hours.", count=MOST_HOURS), field="hours")
    if not wanted or not set(wanted) <= GRANTABLE_CODES:
        raise InvalidValue(_l("Choose what support may see."), field="permissions")
    grant = _get_asked(grant_id)
    now = clock.now()
    grant.state, grant.decided_at, grant.decided_by = SupportState.GRANTED, now, actor.id
    grant.hours, grant.expires_at, grant.permissions = hours, now + timedelta(hours=hours), wanted
    db.session.flush()
    _record(actor, "support.grant", grant, {"hours": hours, "permissions": wanted})
    record_security_event(
        actor,
        "support.grant",
        subject_type="support_grant",
        subject_id=grant.id,
        details={"hours": hours, "permissions": wanted},
    )
    return grant


def refuse_support(actor: Actor, grant_id: UUID) -> SupportGrant:
    """Refuse a request; raises AlreadyAnswered."""
    grant = _get_asked(grant_id)
    grant.state, grant.decided_at, grant.decided_by = SupportState.REFUSED, clock.now(), actor.id
    db.session.flush()
    _record(actor, "support.refuse", grant)
    return grant


def end_support(actor: Actor, grant_id: UUID) -> SupportGrant:
    """End what was granted, at once; raises AlreadyAnswered where it is over."""
    grant = _get(grant_id)
    if grant.state is not SupportState.GRANTED or grant.ended_at is not None:
        raise AlreadyAnswered
    _end(grant, "hospital")
    _record(actor, "support.end", grant)
    return grant


def _receive(request: SupportRequest) -> None:
    values = {
        "id": request.id,
        "operator_id": request.operator_id,
        "operator_name": request.operator_name,
        "reason": request.reason,
        "hours_asked": request.hours,
        "asked_at": request.asked_at,
        "received_at": clock.now(),
        "state": SupportState.ASKED,
    }
    statement = insert(SupportGrant).values(values).on_conflict_do_nothing(index_elements=["id"])
    if db.session.scalar(statement.returning(SupportGrant.id)) is None:
        return
    actor = Actor(ActorKind.OPERATOR, request.operator_id, request.operator_name)
    record_change(
        actor,
        "support.ask",
        subject_type="support_grant",
        subject_id=request.id,
        changes={"hours": request.hours},
    )
    _tell_administrators(request)


def _take_back(request: SupportRequest) -> None:
    grant = db.session.get(SupportGrant, request.id, with_for_update=True, populate_existing=True)
    if grant is None or grant.state not in (SupportState.ASKED, SupportState.GRANTED):
        return
    if grant.state is SupportState.ASKED:
        grant.state = SupportState.WITHDRAWN
    _end(grant, "operator")
    actor = Actor(ActorKind.OPERATOR, grant.operator_id, grant.operator_name)
    record_change(actor, "support.withdraw", subject_type="support_grant", subject_id=grant.id)


def _end(grant: SupportGrant, by: str) -> None:
    now = clock.now()
    if grant.state is SupportState.GRANTED:
        grant.state = SupportState.ENDED
    grant.ended_at, grant.ended_by = now, by
    db.session.flush()
    db.session.execute(
        sa.update(SupportSession)
        .where(SupportSession.grant_id == grant.id, SupportSession.ended_at.is_(None))
        .values(ended_at=now, ended_reason=f"by_{by}")
    )


def _get(grant_id: UUID) -> SupportGrant:
    grant = db.session.get(SupportGrant, grant_id, with_for_update=True, populate_existing=True)
    if grant is None:
        raise NotFound
    return grant


def _get_asked(grant_id: UUID) -> SupportGrant:
    grant = _get(grant_id)
    if grant.state is not SupportState.ASKED:
        raise AlreadyAnswered
    return grant


def _record(actor: Actor, action: str, grant: SupportGrant, changes: dict[str, object] | None = None) -> None:
    """Write the audit row, and the event that carries the answer to the centre."""
    record_change(actor, action, subject_type="support_grant", subject_id=grant.id, changes=changes, event={})


def _tell_administrators(request: SupportRequest) -> None:
    """Write to those who may answer, as far as they have an address."""
    query = (
        sa.select(StaffUser.full_name, StaffUser.email, StaffUser.locale)
        .join(StaffRole, StaffRole.staff_id == StaffUser.id)
        .join(RolePermission, RolePermission.role_id == StaffRole.role_id)
        .where(
            RolePermission.permission_code == GRANT_SUPPORT.code,
            StaffUser.disabled_at.is_(None),
            StaffUser.deleted_at.is_(None),
            StaffUser.email.is_not(None),
        )
        .distinct()
        .limit(MOST_LETTERS)
    )
    hospital, settings = bound_hospital(), current_app.extensions["settings"]
    home = urljoin(settings.base_url, portal_url(settings, hospital.code, "hospital", hospital.custom_domain))
    for name, email, locale in db.session.execute(query).all():
        try:
            address = check_address(email or "")
        except BadAddress:
            continue
        queue_letter(
            f"support:{request.id}:{address}",
            SUPPORT_REQUEST,
            recipient=address,
            locale=locale,
            facts={
                "name": name,
                "hospital": hospital.display_name,
                "operator": request.operator_name,
                "reason": request.reason,
                "hours": str(request.hours),
                "link": f"{home}support/{request.id}",
            },
        )
