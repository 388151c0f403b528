"""What providers report of messages afterwards: each report has one effect, however often and in whatever order.

A report that comes before the worker has written down the provider's answer finds the message by the ledger's own
reference. `delivered` is final; `failed` after it is late news of an earlier try and changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.core.errors import NotFound
from app.core.ids import new_id
from app.domain.messages.delivery import give_up
from app.domain.messages.models import MessageEvent, MessageState, OutboundMessage

REPORTED = {"delivered": MessageState.DELIVERED, "failed": MessageState.FAILED}
UNDELIVERABLE = "the provider reports that it could not be delivered"
WITHOUT_ANSWER = frozenset({MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN})


def record_delivery(
    provider: str,
    provider_id: str | None,
    state: MessageState,
    at: datetime | None = None,
    *,
    reference: UUID | None = None,
    detail: str | None = None,
) -> bool:
    """Write down what a provider reports of a message; False where it was known already.

    `state` is delivered or failed. Raises NotFound where no message of this hospital is meant.
    """
    message = _find(provider, provider_id, reference)
    if message is None:
        raise NotFound
    now = clock.now()
    at = min(at or now, now)
    if not _note(message, state, at, detail, f"{provider}:{provider_id or message.id}:{state.value}"):
        return False
    message.provider_id = message.provider_id or provider_id
    if state is MessageState.DELIVERED:
        message.state, message.error, message.next_attempt_at = MessageState.DELIVERED, None, None
        message.sent_at, message.delivered_at = message.sent_at or at, at
    elif message.state in WITHOUT_ANSWER:
        give_up(message, f"{UNDELIVERABLE}: {detail}" if detail else UNDELIVERABLE)
    db.session.flush()
    return True


def _find(provider: str, provider_id: str | None, reference: UUID | None) -> OutboundMessage | None:
    """Find a message and hold it; what names a message of another way is answered as if there were none."""
    table = OutboundMessage
    named = [table.id == reference] if reference is not None else []
    if provider_id:
        named.append(sa.and_(table.provider == provider, table.provider_id == provider_id))
    if not named:
        return None
    query = sa.select(table).where(sa.or_(*named), table.channel == provider).order_by(table.created_at.desc())
    return db.session.scalars(query.limit(1).with_for_update()).one_or_none()


def _note(message: OutboundMessage, state: MessageState, at: datetime, detail: str | None, report: str) -> bool:
    statement = insert(MessageEvent).values(
        id=new_id(), message_id=message.id, at=at, state=state, source="report", detail=detail, report=report
    )
    told = db.session.execute(statement.on_conflict_do_nothing(index_elements=["report"]).returning(MessageEvent.id))
    return told.one_or_none() is not None
