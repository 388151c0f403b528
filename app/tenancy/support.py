"""Operators' requests to see a hospital from inside, as the centre knows them. The hospital alone decides.

What is written here opens nothing: it is carried to the hospital, whose own row counts at each request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound
from app.core.i18n import _l
from app.core.queue import enqueue
from app.tenancy.audit import record_platform_change
from app.tenancy.models import Hospital, HospitalStatus, PlatformUser, PlatformUserPermission
from app.tenancy.models.support import MOST_HOURS, SupportRequest, SupportState
from app.tenancy.security_events import record_platform_security_event

ASK = "support.ask"
CARRY = "carry_support_requests"
LONGEST_REASON = 500
MOST_SHOWN = 100
OPEN = (SupportState.ASKED, SupportState.GRANTED)


class AlreadyAsked(Conflict):
    title = _l("You have asked already")
    default_message = _l("Your request for this hospital is waiting for its answer.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hospital says of a request now."""

    request_id: UUID
    state: SupportState
    answered_at: datetime | None
    granted_until: datetime | None
    permissions: list[str] | None
    ended_at: datetime | None


def ask_support(actor: Actor, hospital: Hospital, reason: str, hours: int) -> SupportRequest:
    """Ask a hospital to be let in; raises InvalidValue, or AlreadyAsked while it has not answered."""
    if actor.id is None:
        raise Forbidden
    if hospital.status is not HospitalStatus.ACTIVE:
        raise InvalidValue(_l("This hospital does not serve now."), field="reason")
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise InvalidValue(_l("Say why, in at most %(count)s characters.", count=LONGEST_REASON), field="reason")
    if not 1 <= hours <= MOST_HOURS:
        raise InvalidValue(_l("Choose between 1 and %(count)s hours.", count=MOST_HOURS), field="hours")
    request = SupportRequest(
        hospital_id=hospital.id,
        operator_id=actor.id,
        operator_name=actor.name,
        reason=reason.strip(),
        hours=hours,
        state=SupportState.ASKED,
        asked_at=clock.now(),
    )
    try:
        with db.session.begin_nested():
            db.session.add(request)
    except IntegrityError as error:
        raise AlreadyAsked from error
    _record(actor, "support.ask", request, {"hours": hours})
    record_platform_security_event(
        actor, "support.ask", subject_type="support_request", subject_id=request.id, hospital_id=hospital.id
    )
    _wake(hospital.code)
    return request


def give_back(actor: Actor, request_id: UUID) -> SupportRequest:
    """Withdraw one's own request, or end what was granted for it; raises NotFound for anybody else's."""
    request = get_own_request(actor, request_id, locked=True)
    if request.state not in OPEN:
        raise Conflict(_l("The request is closed already."))
    _close(request)
    _record(actor, "support.withdraw", request)
    _wake(db.session.get_one(Hospital, request.hospital_id).code)
    return request


def get_own_request(actor: Actor, request_id: UUID, *, locked: bool = False) -> SupportRequest:
    """Return a request of the operator's own; raises NotFound."""
    query = sa.select(SupportRequest).where(SupportRequest.id == request_id, SupportRequest.operator_id == actor.id)
    found = db.session.scalar(query.with_for_update() if locked else query)
    if found is None:
        raise NotFound
    return found


def list_requests(
    *, hospital_id: UUID | None = None, operator_id: UUID | None = None
) -> Sequence[sa.Row[SupportRequest, str, str]]:
    """Return requests with the hospital's code and name, the newest first."""
    query = (
        sa.select(SupportRequest, Hospital.code, Hospital.display_name)
        .join(Hospital, Hospital.id == SupportRequest.hospital_id)
        .order_by(SupportRequest.asked_at.desc())
        .limit(MOST_SHOWN)
    )
    if hospital_id is not None:
        query = query.where(SupportRequest.hospital_id == hospital_id)
    if operator_id is not None:
        query = query.where(SupportRequest.operator_id == operator_id)
    return db.session.execute(query).all()


def is_in_force(request: SupportRequest) -> bool:
    """Tell whether, as far as the centre has heard, the operator may go in."""
    until = request.granted_until
    return request.state is SupportState.GRANTED and until is not None and until > clock.now()


def may_support(operator_id: UUID) -> bool:
    """Tell whether an operator's account still stands and still may ask for support access."""
    query = (
        sa.select(PlatformUser.id)
        .join(PlatformUserPermission, PlatformUserPermission.user_id == PlatformUser.id)
        .where(
            PlatformUser.id == operator_id,
            PlatformUser.disabled_at.is_(None),
            PlatformUserPermission.permission_code == ASK,
        )
    )
    return db.session.scalar(query) is not None


def has_news_for(hospital_id: UUID) -> bool:
    """Tell whether a hospital has not heard yet of something that was asked or taken back."""
    return db.session.scalar(_news(hospital_id).with_only_columns(SupportRequest.id).limit(1)) is not None


def take_news_for(hospital_id: UUID) -> list[SupportRequest]:
    """Return what a hospital has not heard yet; what disabled operators asked for is taken back here."""
    requests = list(db.session.scalars(_news(hospital_id).with_for_update(of=SupportRequest)))
    for request in requests:
        if request.state in OPEN and not may_support(request.operator_id):
            _close(request)
    db.session.flush()
    return requests


def mark_carried(carried: Sequence[tuple[UUID, SupportState]]) -> None:
    """Note that the hospital has heard of requests, as far as they are still as they were carried."""
    for request_id, state in carried:
        db.session.execute(
            sa.update(SupportRequest)
            .where(SupportRequest.id == request_id, SupportRequest.state == state)
            .values(carried_at=clock.now())
        )


def take_answers(hospital_id: UUID, answers: Sequence[Answer]) -> None:
    """Write down what a hospital says of requests; a request that was taken back stays so."""
    for answer in answers:
        db.session.execute(
            sa.update(SupportRequest)
            .where(
                SupportRequest.id == answer.request_id,
                SupportRequest.hospital_id == hospital_id,
                SupportRequest.state.in_(OPEN),
            )
            .values(
                state=answer.state,
                answered_at=answer.answered_at,
                granted_until=answer.granted_until,
                permissions=answer.permissions,
                ended_at=answer.ended_at,
            )
        )


def _news(hospital_id: UUID) -> sa.Select[SupportRequest]:
    gone = (
        sa.select(PlatformUser.id)
        .where(PlatformUser.id == SupportRequest.operator_id, PlatformUser.disabled_at.is_not(None))
        .exists()
    )
    news = sa.or_(SupportRequest.carried_at.is_(None), sa.and_(SupportRequest.state.in_(OPEN), gone))
    return sa.select(SupportRequest).where(SupportRequest.hospital_id == hospital_id, news)


def _close(request: SupportRequest) -> None:
    asked_only = request.state is SupportState.ASKED
    request.state = SupportState.WITHDRAWN if asked_only else SupportState.ENDED
    request.ended_at, request.carried_at = clock.now(), None


def _record(actor: Actor, action: str, request: SupportRequest, changes: dict[str, object] | None = None) -> None:
    record_platform_change(
        db.session(),
        actor,
        action,
        subject_type="support_request",
        subject_id=request.id,
        hospital_id=request.hospital_id,
        changes=changes,
        risk="medium",
    )


def _wake(code: str) -> None:
    after_commit(lambda: enqueue(CARRY, hospital=code))
