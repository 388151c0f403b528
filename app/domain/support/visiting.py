"""An operator inside a hospital: handed over once within a minute, shown only what was granted, and on record.

The hospital's own grant and the operator's account at the centre are both asked at each request, so that either ends a
visit at once. Nothing can be changed by it.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind, Basis
from app.core.db import WHILE_READING, db
from app.core.errors import Forbidden
from app.core.i18n import _l
from app.core.ids import hash_token, new_id, new_token
from app.domain.audit.models import AuditEntry
from app.domain.audit.operations import record_change
from app.domain.identity.sessions import LONGEST_USER_AGENT, TOUCH_EVERY, SignedIn, Visit
from app.domain.security.events import record_security_event
from app.domain.support.models import SupportGrant, SupportSession
from app.domain.support.rules import GRANTABLE_CODES
from app.tenancy.models.support import SupportState
from app.tenancy.policies import account_policy
from app.tenancy.support import may_support

HAND_OFF = timedelta(seconds=60)
MARK = "support."  # by which a token says that it is no member of staff's
ROLE = _l("Platform support")


class EntryRefused(Forbidden):
    title = _l("Support cannot enter here")
    default_message = _l("The hospital has not granted it, has ended it, or the way in was used or is too old.")
    remedy = _l("Go back to the operators' portal and look at the request.")


def begin_visit(actor: Actor, grant_id: UUID) -> str:
    """Make a hand-off into the bound hospital and return its token; raises EntryRefused."""
    grant = db.session.get(SupportGrant, grant_id)
    if grant is None or grant.operator_id != actor.id or not is_in_force(grant):
        raise EntryRefused
    token, now = new_token(), clock.now()
    db.session.add(
        SupportSession(
            grant_id=grant.id,
            handoff_hash=hash_token(token),
            handoff_expires_at=now + HAND_OFF,
            created_at=now,
            last_seen_at=now,
            expires_at=now + HAND_OFF,
            address=actor.address,
        )
    )
    db.session.flush()
    return token


def enter(token: str, *, address: str | None, request_id: str | None, user_agent: str | None) -> str:
    """Use a hand-off up and return the session's token; raises EntryRefused for one used, old or made elsewhere."""
    now, session_token = clock.now(), MARK + new_token()
    grant_id = db.session.scalar(
        sa.update(SupportSession)
        .where(
            SupportSession.handoff_hash == hash_token(token),
            SupportSession.handoff_expires_at > now,
            SupportSession.token_hash.is_(None),
            SupportSession.ended_at.is_(None),
        )
        .values(
            token_hash=hash_token(session_token),
            handoff_hash=None,
            created_at=now,
            last_seen_at=now,
            proven_at=now,
            expires_at=now + account_policy("hospital").absolute,
            address=address,
            user_agent=(user_agent or "")[:LONGEST_USER_AGENT] or None,
        )
        .returning(SupportSession.grant_id)
    )
    grant = db.session.get(SupportGrant, grant_id) if grant_id else None
    if grant is None or not is_in_force(grant) or not may_support(grant.operator_id):
        raise EntryRefused
    actor = Actor(
        ActorKind.OPERATOR,
        grant.operator_id,
        grant.operator_name,
        address=address,
        request_id=request_id,
        basis=Basis.SUPPORT,
        grant_id=grant.id,
    )
    record_change(actor, "support.enter", subject_type="support_grant", subject_id=grant.id)
    record_security_event(actor, "support.enter", subject_type="support_grant", subject_id=grant.id, portal="hospital")
    return session_token


def is_in_force(grant: SupportGrant) -> bool:
    """Tell whether a grant lets its operator in now."""
    until = grant.expires_at
    return grant.state is SupportState.GRANTED and grant.ended_at is None and until is not None and until > clock.now()


_VISIT = (
    sa.select(
        SupportSession.id,
        SupportSession.last_seen_at,
        SupportSession.proven_at,
        SupportGrant.id,
        SupportGrant.operator_id,
        SupportGrant.operator_name,
        SupportGrant.permissions,
        SupportGrant.expires_at,
    )
    .join(SupportGrant, SupportGrant.id == SupportSession.grant_id)
    .where(
        SupportSession.token_hash == sa.bindparam("token_hash"),
        SupportSession.ended_at.is_(None),
        SupportSession.expires_at > sa.bindparam("now"),
        SupportSession.last_seen_at > sa.bindparam("used_after"),
        SupportGrant.state == SupportState.GRANTED,
        SupportGrant.ended_at.is_(None),
        SupportGrant.expires_at > sa.bindparam("now"),
    )
)


def find_visitor(token: str, *, in_use: bool = True) -> SignedIn | None:
    """Return the operator whose visit a token is, while grant and account stand; None otherwise."""
    now = clock.now()
    values = {"token_hash": hash_token(token), "now": now, "used_after": now - account_policy("hospital").idle}
    row = db.session.execute(_VISIT, values).one_or_none()
    if row is None or not may_support(row.operator_id):
        return None
    session_id, seen_at, proven_at, grant_id, operator_id, name, permissions, until = row
    if in_use and now - seen_at > TOUCH_EVERY:
        query = sa.update(SupportSession).where(SupportSession.id == session_id).values(last_seen_at=now)
        db.session.execute(query, execution_options=WHILE_READING)
    return SignedIn(
        session_id,
        operator_id,
        name,
        GRANTABLE_CODES & frozenset(permissions or ()),
        (ROLE,),
        proven_at=proven_at,
        visit=Visit(grant_id, until or now),
    )


def leave(actor: Actor, session_id: UUID, grant_id: UUID) -> None:
    """End a visit; the grant stands until its time."""
    query = sa.update(SupportSession).where(SupportSession.id == session_id, SupportSession.ended_at.is_(None))
    db.session.execute(query.values(ended_at=clock.now(), ended_reason="signed_out"))
    record_change(actor, "support.leave", subject_type="support_grant", subject_id=grant_id)


def note_page(actor: Actor, grant_id: UUID, endpoint: str, path: str) -> None:
    """Write down which page an operator is about to see, before it is shown; without the row there is no page."""
    values = {
        "id": new_id(),
        "at": clock.now(),
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "action": "support.view",
        "subject_type": "support_grant",
        "subject_id": grant_id,
        "changes": {"page": endpoint, "path": path},
        "address": actor.address,
        "request_id": actor.request_id,
        "basis": Basis.SUPPORT.value,
        "grant_id": grant_id,
    }
    db.session.execute(sa.insert(AuditEntry).values(values), execution_options=WHILE_READING)
