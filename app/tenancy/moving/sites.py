"""Where a move happens: both servers, both databases, and the names that follow from the operation alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from app.tenancy.moving.planning import Plan
from app.tenancy.moving.replicating import Link
from app.tenancy.moving.slots import name_of


@dataclass(frozen=True)
class Site:
    """One move's places. The new database's name is the operation's, so that every try finds what another left."""

    plan: Plan
    name: str
    new: str

    @classmethod
    def of(cls, operation_id: UUID, plan: Plan) -> Site:
        """Return the places of an operation's move."""
        return cls(plan, name_of(operation_id), f"vh_{operation_id.hex[-16:]}")

    @cached_property
    def link(self) -> Link:
        """Return both ends of it; raises NoAdministrativeAddress."""
        plan = self.plan
        return Link(self.name, plan.source, plan.from_cluster, plan.from_database, plan.target, self.new, plan.system)
