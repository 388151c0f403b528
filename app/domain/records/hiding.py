"""Which texts of a record somebody's roles keep from them, and a record without those."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from app.core.actor import Actor
from app.domain.access.fields import FieldClosed, may_read, may_write
from app.domain.records.rules import NOTE_FIELDS, Note


def hidden_texts(actor: Actor) -> frozenset[str]:
    """Return the texts of a record that somebody may not read."""
    return frozenset(name for name in NOTE_FIELDS if not may_read(actor, f"record.{name}"))


def without(note: Note, hidden: frozenset[str]) -> Note:
    """Return a note without some of its texts."""
    return replace(note, **dict.fromkeys(hidden, ""))


def without_texts(row: Any, hidden: frozenset[str]) -> Any:
    """Return a row that carries a record's texts without some of them."""
    return SimpleNamespace(**{**row._mapping, **dict.fromkeys(hidden, "")}) if hidden else row


def as_far_as_open(actor: Actor, sent: Note, stored: Note) -> Note:
    """Return what was sent, with what stands for the texts that are closed to the actor and were left out.

    Raises FieldClosed where a closed text was sent with anything else than what stands.
    """
    closed = [name for name in NOTE_FIELDS if not may_write(actor, f"record.{name}")]
    if any(getattr(sent, name) not in ("", getattr(stored, name)) for name in closed):
        raise FieldClosed
    return replace(sent, **{name: getattr(stored, name) for name in closed}) if closed else sent
