"""What the relay tells pages and people, known to every process that performs work."""

from __future__ import annotations

from app.domain.notices import consumers

__all__ = ["consumers"]
