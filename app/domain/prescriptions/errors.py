"""What can go wrong when medicines are prescribed."""

from __future__ import annotations

from app.core.errors import InvalidValue
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
