"""What can go wrong when medicines are prescribed."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound
from app.core.i18n import _l


class UnknownMedicine(InvalidValue):
    """The formulary has no such medicine, or no longer."""

    def __init__(self) -> None:
        super().__init__(_l("Choose a medicine from the formulary."), field="medicine_q")


class DuplicateMedicine(InvalidValue):
    """The medicine is on the prescription already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _l("%(name)s is on this prescription already. Remove it first to change its dose.", name=name),
            field="medicine_q",
        )


class PrescribesForDeceased(InvalidValue):
    """Nothing is prescribed for somebody who has died."""

    def __init__(self) -> None:
        super().__init__(_l("This patient has died. Nothing can be prescribed."), field="medicine_q")


class UnansweredWarnings(InvalidValue):
    """A prescription is not signed while a grave warning has neither been heeded nor answered by a reason."""

    def __init__(self) -> None:
        super().__init__(
            _l("Take off the medicine that is warned of, or say why it is prescribed all the same."),
            field="override_reason",
        )


class CancelledIsNotRenewed(InvalidValue):
    """A prescription that was cancelled or replaced is not prescribed once more by one button."""

    def __init__(self, code: str) -> None:
        super().__init__(
            _l("Prescription %(code)s was cancelled and is not renewed. Prescribe what is needed anew.", code=code),
            field="medicine_q",
        )


class PrescriptionNotFound(NotFound):
    title = _l("Prescription not found")
    default_message = _l("This hospital has no such prescription.")


class NotPrescriber(Forbidden):
    title = _l("Only the doctor who prescribed may do this")
    default_message = _l("This prescription is another doctor's. Nothing was changed.")


class NotInForce(Conflict):
    title = _l("This prescription is not in force")
    default_message = _l("Only a signed prescription that nobody has cancelled can be changed in this way.")
