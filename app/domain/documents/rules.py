"""The rules of documents, without a database: who may see and add which, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.permissions import Permission
from app.domain.documents.models import DocumentKind, DocumentSubject
from app.domain.identity.permissions import (
    ADD_DOCUMENTS,
    ENTER_RESULTS,
    VIEW_DOCUMENTS,
    VIEW_RECORDS,
    VIEW_RESULTS,
)

LONGEST_TITLE = 200
LONGEST_NOTE = 500

# Access is that of what a document belongs to: a record's by who may read records, a result's by who may read results.
SEEN_BY: dict[DocumentSubject, Permission] = {
    DocumentSubject.PATIENT: VIEW_DOCUMENTS,
    DocumentSubject.RECORD: VIEW_RECORDS,
    DocumentSubject.LAB_ITEM: VIEW_RESULTS,
}
ADDED_BY: dict[DocumentSubject, Permission] = {
    DocumentSubject.PATIENT: ADD_DOCUMENTS,
    DocumentSubject.RECORD: ADD_DOCUMENTS,
    DocumentSubject.LAB_ITEM: ENTER_RESULTS,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a person says of a document."""

    kind: DocumentKind
    title: str
    note: str = ""
    is_shared: bool = False


def check_title(title: str) -> str:
    """Return a title fit to be kept; raises InvalidValue."""
    clean = " ".join(title.split())
    if not clean:
        raise InvalidValue(_l("Say what the document is."), field="title")
    if len(clean) > LONGEST_TITLE:
        raise InvalidValue(_l("At most %(most)s characters.", most=LONGEST_TITLE), field="title")
    return clean


def check_note(note: str, field: str = "note", *, needed: bool = False) -> str | None:
    """Return a remark or a reason fit to be kept, or None where there is none; raises InvalidValue."""
    clean = note.strip()
    if needed and not clean:
        raise InvalidValue(_l("Give a reason."), field=field)
    if len(clean) > LONGEST_NOTE:
        raise InvalidValue(_l("At most %(most)s characters.", most=LONGEST_NOTE), field=field)
    return clean or None
