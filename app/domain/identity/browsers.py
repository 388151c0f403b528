"""The browsers somebody is signed in with: seen and ended by themselves and by administrators; new ones are told of.

(ASVS 5.0, 7.4.1 to 7.4.5, 7.5.2)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import NotFound, Text
from app.core.i18n import _l
from app.domain.identity.devices import describe_device
from app.domain.identity.models import PatientUser
from app.domain.identity.noting import SUBJECTS, note_change, note_security
from app.domain.identity.sessions import KINDS, Kind, check_streams
from app.tenancy.policies import account_policy

MOST_SHOWN = 50
KEPT_FOR = timedelta(days=180)
PRUNED_AT_ONCE = 5_000

REASONS: dict[str, Text] = {
    "signed_out": _l("Signed out"),
    "by_owner": _l("Ended by the person"),
    "by_administrator": _l("Ended by an administrator"),
    "password_changed": _l("The password was changed"),
    "factor_changed": _l("The second factor was changed"),
    "roles_changed": _l("The roles were changed"),
    "disabled": _l("The account was disabled"),
    "handed_over": _l("Handed over from the front door"),
}


class BrowserGone(NotFound):
    title = _l("This browser is not signed in any more")
    default_message = _l("The session has ended already.")


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that is signed in."""

    id: UUID
    device: Text
    address: str | None
    since: datetime
    last_used: datetime
    second_factor: str | None


def portal_of(account: Any) -> str:
    """Return the portal whose people an account belongs to."""
    return next(portal for portal, kind in KINDS.items() if isinstance(account, kind.account))


def list_sessions(account: Any) -> list[Browser]:
    """Return the browsers in which an account is signed in, the one used last first."""
    return list_browsers(portal_of(account), account.id)


def list_browsers(portal: str, account_id: UUID) -> list[Browser]:
    """Return the browsers in which somebody of a portal is signed in, the one used last first."""
    kind = KINDS[portal]
    model = kind.model
    query = (
        sa.select(model.id, model.user_agent, model.address, model.created_at, model.last_seen_at, model.second_factor)
        .where(kind.owned_by == account_id, *_alive(portal, kind))
        .order_by(model.last_seen_at.desc())
        .limit(MOST_SHOWN)
    )
    return [Browser(row[0], describe_device(row[1]), *row[2:]) for row in db.session.execute(query)]


def end_sessions(actor: Actor, account: Any, reason: str, *, but: UUID | None = None) -> int:
    """End every session of an account, `but` one; return how many. `reason` is one of REASONS.

    Whoever changes a password, a factor, roles or disables an account calls this in the same unit of work.
    """
    return end_browsers(actor, portal_of(account), account.id, reason, but=but)


def end_browsers(actor: Actor, portal: str, account_id: UUID, reason: str, *, but: UUID | None = None) -> int:
    """End every session of somebody of a portal, `but` one; return how many."""
    kind = KINDS[portal]
    conditions = [kind.owned_by == account_id, *_alive(portal, kind)]
    if but is not None:
        conditions.append(kind.model.id != but)
    ended = _end(kind, conditions, reason)
    check_streams(portal)
    if ended:
        _note(actor, portal, account_id, reason, ended)
    return len(ended)


def end_browser(actor: Actor, portal: str, account_id: UUID, session_id: UUID, reason: str = "by_owner") -> None:
    """End one session of somebody; raises BrowserGone for one that is over, or that is somebody else's."""
    kind = KINDS[portal]
    ended = _end(kind, [kind.owned_by == account_id, kind.model.id == session_id, *_alive(portal, kind)], reason)
    check_streams(portal)
    if not ended:
        raise BrowserGone
    _note(actor, portal, account_id, reason, ended)


def is_new_device(portal: str, account_id: UUID, device_hash: bytes) -> bool:
    """Tell whether somebody has signed in before, but never from this device."""
    kind = KINDS[portal]
    known = sa.select(sa.func.count(), sa.func.count().filter(kind.model.device_hash == device_hash)).where(
        kind.owned_by == account_id, kind.model.device_hash.is_not(None)
    )
    before, from_here = db.session.execute(known).one()
    return bool(before) and not from_here


def forget_old_sessions(portal: str) -> int:
    """Delete sessions that ended months ago, some at once; return how many."""
    model, before = KINDS[portal].model, clock.now() - KEPT_FOR
    old = sa.select(model.id).where(sa.func.coalesce(model.ended_at, model.expires_at) < before).limit(PRUNED_AT_ONCE)
    gone = db.session.scalars(sa.delete(model).where(model.id.in_(old)).returning(model.id))
    return len(gone.all())


def _alive(portal: str, kind: Kind) -> list[sa.ColumnElement[bool]]:
    now, policy, model = clock.now(), account_policy(portal), kind.model
    return [
        model.ended_at.is_(None),
        model.token_hash.is_not(None),
        model.expires_at > now,
        model.created_at > now - policy.absolute,
        model.last_seen_at > now - policy.idle,
    ]


def _end(kind: Kind, conditions: list[Any], reason: str) -> list[UUID]:
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is no reason why sessions end")
    query = sa.update(kind.model).where(*conditions).values(ended_at=clock.now(), ended_reason=reason)
    ended = db.session.scalars(query.returning(kind.model.id).execution_options(synchronize_session=False))
    return list(ended)


def _note(actor: Actor, portal: str, account_id: UUID, reason: str, ended: list[UUID]) -> None:
    patient_id = None
    if portal == "patient":
        patient_id = db.session.scalar(sa.select(PatientUser.patient_id).where(PatientUser.id == account_id))
    changes = {"reason": reason, "sessions": [str(one) for one in ended]}
    note_change(actor, portal, "session.revoke", account_id, patient_id=patient_id, changes=changes)
    note_security(
        actor,
        "session.revoke",
        subject_type=SUBJECTS[portal],
        subject_id=account_id,
        details={"reason": reason, "count": len(ended)},
        portal=portal,
    )
