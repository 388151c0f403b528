"""Reading the version that a form carries: what it says may be anything, also thousands of digits."""

from __future__ import annotations

LONGEST = 9  # nine digits always fit an integer of the database


def read_version(text: str | None) -> int | None:
    """Return the version that was sent, or None for what is none."""
    written = (text or "").strip()
    return int(written) if written.isascii() and written.isdigit() and len(written) <= LONGEST else None
