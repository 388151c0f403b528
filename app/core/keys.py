"""Names in shared places: every Redis key, channel, cache entry and file path is made here, hospital first."""

from __future__ import annotations

PLATFORM = "platform"


def shared_name(hospital: str | None, portal: str, *parts: object) -> str:
    """Return `<hospital>:<portal>:<part>…`; the platform's own things stand under `platform`."""
    words = [hospital or PLATFORM, portal, *(str(part) for part in parts)]
    if any(not word or ":" in word for word in words[:2]):
        raise ValueError(f"not a name for a shared place: {words!r}")
    return ":".join(words)
