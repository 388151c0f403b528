"""The Vietnamese words of the interface, looked up by their English ids as in the code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

TRANSLATIONS = Path(__file__).parents[2] / "app" / "translations"


def vi(message: str, **variables: object) -> str:
    """Return how the interface says a message in Vietnamese; fails for one that no catalogue has."""
    return _words()[message] % variables if variables else _words()[message]


@cache
def _words() -> dict[str, str]:
    words: dict[str, str] = {}
    for path in TRANSLATIONS.glob("*/vi/LC_MESSAGES/messages.po"):
        with path.open("rb") as file:
            words |= {entry.id: entry.string for entry in read_po(file) if isinstance(entry.id, str) and entry.id}
    return words
