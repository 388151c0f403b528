"""What can go wrong when tests are ordered, collected, entered and verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.records.errors import SIGNED_IS_FINAL

SINCE = "h022"
SAME_PERSON = "VI006"


class LabOrderNotFound(NotFound):
    title = _l("Order not found")
    default_message = _l("This hospital has no such order of tests.")


class LabReportNotFound(NotFound):
    title = _l("Result not found")
    default_message = _l("This hospital has no such result.")


class LabSpecimenNotFound(NotFound):
    title = _l("Specimen not found")
    default_message = _l("This hospital has no such specimen.")


class LabTestNotFound(NotFound):
    title = _l("Test not found")
    default_message = _l("The catalogue has no such test.")


class OrderForDeceased(Conflict):
    title = _l("This patient has died")
    default_message = _l("Tests are not ordered for a patient who has died. Nothing was ordered.")
    remedy = _l("If this is a mistake, have the patient's data corrected.")


class OrderedAlready(InvalidValue):
    """The same test is ordered and not done yet."""


class NotThatFar(Conflict):
    """The ordered test is further than the act allows, or not that far yet."""

    title = _l("This has gone on in the meantime")
    default_message = _l("Somebody has gone on with this test, or it was cancelled. Nothing was changed.")
    remedy = _l("Go back to the order to see how far it is.")


class VerifiedIsFinal(Conflict):
    title = _l("Verified results cannot be changed")
    default_message = _l("A verified result stays as it was verified. Nothing was changed.")
    remedy = _l("If something in it is wrong, correct it: a new version is made and the verified one is kept.")


class SamePerson(Forbidden):
    """Results are verified by a second person; the database says so too."""

    title = _l("Somebody else must verify this")
    default_message = _l("You wrote in this result yourself. A second person verifies it.")
    remedy = _l("Ask a colleague in the laboratory.")


class NotAllMeasured(InvalidValue):
    """Values of the test are missing, and nobody said that they may be."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(
            _l("Not measured: %(names)s. Tick that it is verified without them, or have them entered first.",
               names=", ".join(names)),
            field="incomplete",
        )  # fmt: skip


class OutsidePhysicalLimits(InvalidValue):
    """A value that cannot be: mostly a slip of the decimal comma, or another unit."""


@contextmanager
def verified_is_final() -> Iterator[None]:
    """Turn the database's refusals into their errors: changing what is verified, verifying one's own values."""
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state == SIGNED_IS_FINAL:
            raise VerifiedIsFinal from None
        if state == SAME_PERSON:
            raise SamePerson from None
        raise
