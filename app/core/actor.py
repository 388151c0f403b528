"""Who does something: every operation receives its actor as an argument and never looks for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from app.core.permissions import Bounds


class Basis(StrEnum):
    """Why somebody may see a patient's data; it stands beside what was looked at and changed."""

    OWN = "own"
    TREATING = "treating"
    DEPARTMENT = "department"
    HOSPITAL = "hospital"
    EMERGENCY = "emergency"
    SUPPORT = "support"


class ActorKind(StrEnum):
    OPERATOR = "operator"
    STAFF = "staff"
    PATIENT = "patient"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or process that acts, from where, and with which permissions.

    `basis` and `grant_id` say on what ground, and name the emergency access or support grant behind it; `bounds` say
    how far the permissions of a member of staff reach.
    """

    kind: ActorKind
    id: UUID | None
    name: str
    permissions: frozenset[str] = field(default_factory=frozenset)
    address: str | None = None
    request_id: str | None = None
    basis: Basis | None = None
    grant_id: UUID | None = None
    bounds: Bounds | None = None

    def may(self, permission: str) -> bool:
        """Tell whether the actor holds a permission."""
        return permission in self.permissions


def system_actor(name: str) -> Actor:
    """Return the actor of a process that acts by itself, such as the reminder job."""
    return Actor(kind=ActorKind.SYSTEM, id=None, name=name)
