"""What a check of a log found: rows altered, missing or added, seals that do not fit, and what explains them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.tenancy.models import AuditState

MOST_NAMED = 200


class Fault(StrEnum):
    """In which way a log differs from what was sealed."""

    ALTERED = "altered"
    MISSING = "missing"
    ADDED = "added"
    SEAL = "seal"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row or seal that is not as it was."""

    fault: Fault
    log: str
    seal: int
    id: str | None = None
    at: datetime | None = None
    partition: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "fault": self.fault.value,
            "log": self.log,
            "seal": self.seal,
            "id": self.id,
            "at": self.at.isoformat() if self.at else None,
            "partition": self.partition,
        }


@dataclass(slots=True)
class Report:
    """What was checked and found. The first faults are named; all are counted."""

    rows: int = 0
    seals: int = 0
    unsealed: int = 0
    retired: int = 0
    named: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    restored: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, finding: Finding) -> None:
        """Count a fault, and name it while there is room."""
        self.counts[finding.fault.value] = self.counts.get(finding.fault.value, 0) + 1
        if len(self.named) < MOST_NAMED:
            self.named.append(finding)

    @property
    def state(self) -> AuditState:
        """Return how the check ended."""
        if self.counts:
            return AuditState.TAMPERED
        return AuditState.RESTORED if self.restored else AuditState.GOOD

    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "state": self.state.value,
            "rows": self.rows,
            "seals": self.seals,
            "unsealed": self.unsealed,
            "retired": self.retired,
            "faults": dict(self.counts),
            "named": [finding.facts() for finding in self.named],
            "restored": list(self.restored),
            "seconds": round(self.seconds, 3),
        }
