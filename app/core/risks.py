"""How much something matters that happened to the security of a portal."""

from __future__ import annotations

from enum import StrEnum


class Risk(StrEnum):
    """From what is to be expected every day to what wakes somebody at night."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def level(self) -> int:
        """Return its place, the lowest first."""
        return list(Risk).index(self)


def at_least(risk: Risk) -> list[Risk]:
    """Return this risk and all that are greater."""
    return [one for one in Risk if one.level >= risk.level]
