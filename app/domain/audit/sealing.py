"""When a hospital's logs are to be sealed, and telling the hospital when they differ from their seals."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.actor import system_actor
from app.core.db import db
from app.domain.audit.models import AccessEntry, AuditEntry, LogSeal
from app.domain.security.events import record_security_event

ACTOR = system_actor("keeper of the logs")


def has_unsealed_rows() -> bool:
    """Rows of a log are not sealed yet."""
    return any(_newest(model) > _sealed(model) for model in (AuditEntry, AccessEntry))


def tell_of_tampering(counts: dict[str, int]) -> None:
    """Write a security event into the bound hospital, whose administrators are alerted by it."""
    record_security_event(ACTOR, "audit.tampered", subject_type="log", details={"faults": counts})


def _newest(model: type[AuditEntry] | type[AccessEntry]) -> int:
    found: int | None = db.session.scalar(sa.select(sa.func.max(model.xid)))
    return -1 if found is None else found


def _sealed(model: type[AuditEntry] | type[AccessEntry]) -> int:
    query = sa.select(LogSeal.last_xid).where(LogSeal.log == model.__tablename__)
    found: int | None = db.session.scalar(query.order_by(LogSeal.number.desc()).limit(1))
    return -1 if found is None else found
