"""Who acts when somebody comes in by a link instead of a session."""

from __future__ import annotations

from typing import Any

from app.core.actor import Actor, ActorKind
from app.domain.identity.letters import owner_of

KINDS = {"admin": ActorKind.OPERATOR, "hospital": ActorKind.STAFF, "patient": ActorKind.PATIENT}


def acting_as(portal: str, account: Any, *, address: str | None, request_id: str | None) -> Actor:
    """Return the owner of an account as an actor without any permission."""
    return Actor(KINDS[portal], account.id, owner_of(account).name, address=address, request_id=request_id)
