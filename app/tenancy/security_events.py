"""Writing down what happened to the security of the operators' portal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.crypto import BlindIndex
from app.core.db import WHILE_READING, db
from app.core.ids import new_id
from app.core.risks import Risk
from app.core.unit_of_work import apart
from app.tenancy.models import SecurityEvent
from app.tenancy.security_kinds import usual_risk

PORTALS = {ActorKind.OPERATOR: "admin", ActorKind.STAFF: "hospital", ActorKind.PATIENT: "patient"}


def record_platform_security_event(
    actor: Actor,
    kind: str,
    *,
    risk: Risk | None = None,
    subject_type: str | None = None,
    subject_id: UUID | None = None,
    hospital_id: UUID | None = None,
    details: dict[str, Any] | None = None,
    portal: str | None = "admin",
    lasting: bool = False,
) -> None:
    """Write what somebody did or tried; `lasting` in a transaction of its own, for a request that fails or only reads.

    `details` holds codes and ids. Raises KeyError for a kind that `security_kinds` does not know.
    """
    values = event_values(
        actor, kind, risk=risk, subject_type=subject_type, subject_id=subject_id, details=details, portal=portal
    )
    with unit_for(lasting) as run:
        run(sa.insert(SecurityEvent).values(**values, hospital_id=hospital_id))


def take_security_events(hospital_id: UUID, told: Sequence[dict[str, Any]]) -> None:
    """Write down what a hospital told of its security, each event once; names and addresses stay with the hospital."""
    if not told:
        return
    now = clock.now()
    rows = [
        {
            **{name: entry[name] for name in ("kind", "risk", "portal", "actor_kind", "subject_type", "request_id")},
            "id": UUID(entry["id"]),
            "at": datetime.fromisoformat(entry["at"]),
            "heard_at": now,
            "hospital_id": hospital_id,
            "actor_id": _id(entry["actor_id"]),
            "actor_name": "",
            "subject_id": _id(entry["subject_id"]),
            "address": None,
            "address_index": bytes.fromhex(entry["address_index"]) if entry["address_index"] else None,
            "details": {},
        }
        for entry in told
    ]
    db.session.execute(insert(SecurityEvent).on_conflict_do_nothing(), rows)


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def event_values(
    actor: Actor,
    kind: str,
    *,
    risk: Risk | None,
    subject_type: str | None,
    subject_id: UUID | None,
    details: dict[str, Any] | None,
    portal: str | None,
) -> dict[str, Any]:
    """Return the columns that an event has in the centre and in hospitals."""
    return {
        "id": new_id(),
        "at": clock.now(),
        "kind": kind,
        "risk": risk or usual_risk(kind),
        "portal": portal or PORTALS.get(actor.kind),
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "address": actor.address,
        "address_index": index_of(actor.address),
        "request_id": actor.request_id,
        "details": details or {},
    }


def index_of(address: str | None) -> bytes | None:
    """Return the keyed digest by which the same address is known in every hospital without being readable."""
    blind_index: BlindIndex = current_app.extensions["blind_index"]
    return blind_index.of("address", address) if address else None


@contextmanager
def unit_for(lasting: bool) -> Iterator[Callable[[Any], Any]]:
    """Give the function that runs a statement: in the present transaction, or in one of its own."""
    if lasting:
        with apart() as session:
            yield session.execute
    else:
        yield lambda statement: _execute(db.session(), statement)


def _execute(session: Session, statement: Any) -> Any:
    return session.execute(statement, execution_options=WHILE_READING)
