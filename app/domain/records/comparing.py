"""Two versions of a record side by side: which words of each text went and came, which diagnoses and medicines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any, NamedTuple

from app.core.errors import Text
from app.domain.records.rules import LABELS, NOTE_FIELDS

_TOKEN = re.compile(r"\S+\s*|\s+")
# Words of blocks longer than this are not looked at one by one: the time grows with their product.
MOST_TOKENS = 1_500


class Change(StrEnum):
    SAME = "same"
    GONE = "gone"
    NEW = "new"


class Piece(NamedTuple):
    """A run of text that stayed, went or came."""

    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One text of a record in two versions."""

    name: str
    label: Text
    pieces: list[Piece]


class Line(NamedTuple):
    """One entry of a list in two versions."""

    change: Change
    words: str


def compare_notes(before: Any, after: Any, hidden: frozenset[str] = frozenset()) -> list[FieldChange]:
    """Return the texts in which two versions differ, as far as the reader may read them."""
    return [
        FieldChange(name, LABELS[name], compare_texts(getattr(before, name), getattr(after, name)))
        for name in NOTE_FIELDS
        if name not in hidden and getattr(before, name) != getattr(after, name)
    ]


def compare_texts(before: str, after: str) -> list[Piece]:
    """Return what stayed, went and came, word by word within the lines that differ.

    The last line gets an end like every other, so that a line is the same wherever it stands.
    """
    if not before or not after:
        return list(_joined([Piece(Change.GONE, before), Piece(Change.NEW, after)]))
    old, new = f"{before}\n".splitlines(keepends=True), f"{after}\n".splitlines(keepends=True)
    pieces: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        pieces += [Piece(Change.SAME, gone)] if tag == "equal" else _compare_words(gone, come)
    return list(_joined(pieces))


def compare_lists(before: Sequence[str], after: Sequence[str]) -> list[Line]:
    """Return the entries of two lists, whatever their order: those that stayed, went and came."""
    kept = [Line(Change.SAME if words in before else Change.NEW, words) for words in after]
    return [*kept, *(Line(Change.GONE, words) for words in before if words not in after)]


def _compare_words(before: str, after: str) -> list[Piece]:
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    if not old or not new or max(len(old), len(new)) > MOST_TOKENS:
        return [Piece(Change.GONE, before), Piece(Change.NEW, after)]
    pieces: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        pieces += [Piece(Change.SAME, gone)] if tag == "equal" else [Piece(Change.GONE, gone), Piece(Change.NEW, come)]
    return pieces


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Join neighbours of one kind, and leave out what is empty."""
    held: Piece | None = None
    for piece in pieces:
        if not piece.text:
            continue
        if held is not None and held.change is piece.change:
            held = Piece(held.change, held.text + piece.text)
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held
