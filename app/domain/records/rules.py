"""What a note consists of, when two people's edits of it contradict, and what must stand in it to be signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.records.errors import CannotSign
from app.domain.records.models import DiagnosisKind

LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Note:
    """The five texts of a consultation."""

    complaint: str = ""
    history: str = ""
    examination: str = ""
    assessment: str = ""
    plan: str = ""

    def normalised(self) -> Note:
        """Return the note with line ends and outer blanks as they are kept."""
        return Note(**{name: getattr(self, name).replace("\r\n", "\n").strip() for name in NOTE_FIELDS})


NOTE_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Note))

LABELS: dict[str, Text] = {
    "complaint": _l("Reason for visit"),
    "history": _l("History"),
    "examination": _l("Examination"),
    "assessment": _l("Assessment"),
    "plan": _l("Plan"),
}


def note_from(row: Any) -> Note:
    """Return the note of a record, or of a row that carries its texts."""
    return Note(**{name: getattr(row, name) for name in NOTE_FIELDS})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a draft stands now: its note, version, and who saved it last and when."""

    note: Note
    version: int
    changed_by: str
    changed_at: datetime


def differing(one: Note, other: Note) -> list[str]:
    """Return the names of the texts in which two notes differ."""
    return [name for name in NOTE_FIELDS if getattr(one, name) != getattr(other, name)]


def was_seen(stored: Note, was: Note, mine: Note) -> bool:
    """Tell whether a page that began with `was` and now holds `mine` knows every text that is stored.

    A page may be behind its own autosave by a version or two; what is stored is then what it sent. A text that is
    neither where it began nor what it holds came from elsewhere and would be overwritten unseen.
    """
    return all(getattr(stored, name) in (getattr(was, name), getattr(mine, name)) for name in NOTE_FIELDS)


def check_length(note: Note) -> None:
    """Refuse a text that is longer than a record keeps."""
    for name in NOTE_FIELDS:
        if len(getattr(note, name)) > LONGEST_TEXT:
            raise CannotSign(_l("This text is too long; at most %(most)s characters.", most=LONGEST_TEXT), field=name)


def check_can_sign(note: Note, kinds: Iterable[DiagnosisKind]) -> None:
    """Refuse to sign without an assessment and a primary diagnosis."""
    if not note.assessment:
        raise CannotSign(_l("Write the assessment before you sign."), field="assessment")
    if DiagnosisKind.PRIMARY not in kinds:
        raise CannotSign(_l("Choose a primary diagnosis before you sign."), field="diagnosis_q")


def fingerprint(diagnoses: Iterable[tuple[UUID, DiagnosisKind]], medicines: Iterable[UUID]) -> str:
    """Name diagnoses, and which is the primary one, and medicines, so that signing can tell whether they were seen."""
    kinds = (f"{entry}:{kind.value}" for entry, kind in diagnoses)
    return " ".join(sorted((*kinds, *(str(entry) for entry in medicines))))
