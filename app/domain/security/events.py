"""Writing down what happened to a hospital's security; the centre hears of it without names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.ids import new_id
from app.core.risks import Risk
from app.domain.audit.models import OutboxEvent
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.security_events import event_values, unit_for

TOLD = "security.event"


def record_security_event(
    actor: Actor,
    kind: str,
    *,
    risk: Risk | None = None,
    subject_type: str | None = None,
    subject_id: UUID | None = None,
    details: dict[str, Any] | None = None,
    portal: str | None = None,
    lasting: bool = False,
) -> None:
    """Write what somebody did or tried in the bound hospital, and the event that tells the centre, in one statement.

    `lasting` writes in a transaction of its own, for a request that fails or only reads. `details` holds codes and
    ids, never clinical values and never what somebody typed. Raises KeyError for an unknown kind.
    """
    values = event_values(
        actor, kind, risk=risk, subject_type=subject_type, subject_id=subject_id, details=details, portal=portal
    )
    event = sa.insert(HospitalSecurityEvent).values(**values)
    told = (
        sa.insert(OutboxEvent)
        .values(
            id=new_id(),
            kind=TOLD,
            subject_type="security_event",
            subject_id=values["id"],
            payload=_payload(values),
            created_at=values["at"],
        )
        .add_cte(event.cte("event"))
    )
    with unit_for(lasting) as run:
        run(told)


def _payload(values: dict[str, Any]) -> dict[str, Any]:
    """Return what the centre is told: whom it was about by id, and the address as a digest."""
    index = values["address_index"]
    return {
        "id": str(values["id"]),
        "at": values["at"].isoformat(),
        "kind": values["kind"],
        "risk": values["risk"].value,
        "portal": values["portal"],
        "actor_kind": values["actor_kind"],
        "actor_id": str(values["actor_id"]) if values["actor_id"] else None,
        "subject_type": values["subject_type"],
        "subject_id": str(values["subject_id"]) if values["subject_id"] else None,
        "address_index": index.hex() if index else None,
        "request_id": values["request_id"],
    }
