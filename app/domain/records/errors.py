"""What can go wrong when records are written, signed and amended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l

if TYPE_CHECKING:
    from app.domain.records.rules import Standing

SIGNED_IS_FINAL = "VI002"


class RecordNotFound(NotFound):
    title = _l("Record not found")
    default_message = _l("This hospital has no such medical record.")


class SignedIsFinal(Conflict):
    """A signed record, prescription or measurement is never changed; the database says so too."""

    title = _l("This is signed and cannot be changed")
    default_message = _l("A signed record stays as it was signed. Nothing was changed.")
    remedy = _l("If something in it is wrong, amend the record: a new version is made and the signed one is kept.")


class NotTreatingDoctor(Forbidden):
    title = _l("Only the treating doctor may write here")
    default_message = _l("This visit is another doctor's. You may read the record, but not write in it.")
    remedy = _l("If the patient should be yours, ask the reception to change the doctor of the visit.")


class NotArrived(Conflict):
    title = _l("The patient has not been checked in")
    default_message = _l("A consultation begins after the reception has checked the patient in.")


class NothingToAmend(Conflict):
    title = _l("This version cannot be amended")
    default_message = _l("Only the signed version in force can be amended.")


class StaleRecord(StaleVersion):
    """The draft was changed in another window meanwhile; `theirs` is how it stands now."""

    def __init__(self, theirs: Standing) -> None:
        self.theirs = theirs
        super().__init__()


class NotAsSeen(Conflict):
    """Diagnoses or medicines are not those that the doctor had in view when signing."""

    title = _l("Diagnoses or medicines have changed")
    default_message = _l("They were changed in another window after you opened this page. Nothing was signed.")
    remedy = _l("Go back to the consultation, check it, and sign again.")


class CannotSign(InvalidValue):
    """Something that a signed record must have is missing; `field` names where."""


class DuplicateDiagnosis(InvalidValue):
    pass


class VitalsNotFound(NotFound):
    default_message = _l("This hospital has no such measurement.")


@contextmanager
def signed_is_final() -> Iterator[None]:
    """Turn the database's refusal to change what is signed into SignedIsFinal."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == SIGNED_IS_FINAL:
            raise SignedIsFinal from None
        raise
