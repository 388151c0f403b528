"""Why a visit cannot be booked or cancelled, in words that a patient understands."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _l

if TYPE_CHECKING:
    from app.domain.appointments.queries import FreeSlot


class SlotTaken(Conflict):
    """Somebody else has the slot; `alternatives` are free ones near to it."""

    title = _l("This time has just been taken")
    default_message = _l("Somebody else booked this time a moment ago. Please choose another one.")

    def __init__(self, alternatives: tuple[FreeSlot, ...] = ()) -> None:
        super().__init__()
        self.alternatives = alternatives


class OwnOverlap(Conflict):
    """The patient has another visit at that time."""

    title = _l("You already have a visit at that time")
    default_message = _l("Two visits cannot be at the same time. Choose another time, or cancel the other visit first.")

    def __init__(self, appointment_id: UUID, starts_at: datetime) -> None:
        super().__init__()
        self.appointment_id = appointment_id
        self.starts_at = starts_at


class NotCancellable(Conflict):
    """The visit has begun, is over, or the patient is already there."""

    title = _l("This visit can no longer be cancelled here")
    default_message = _l("The visit has begun, is over, or you have already checked in.")
    remedy = _l("Please speak to the reception of the hospital.")


class PastSlot(InvalidValue):
    title = _l("This time has passed")
    default_message = _l("This time has already passed. Choose a later one.")


class NoSuchSlot(InvalidValue):
    title = _l("This time cannot be booked")
    default_message = _l("The doctor does not see patients at that time. Choose a time from the list.")


class HospitalClosed(NoSuchSlot):
    title = _l("The hospital is closed on that day")

    def __init__(self, name: str, *, field: str | None = None) -> None:
        super().__init__(_l("The hospital is closed on that day: %(name)s.", name=name), field=field)


class RoomTaken(SlotTaken):
    title = _l("The room is taken at that time")
    default_message = _l("Another doctor sees a patient in this room at that time. Choose another time or room.")


class EnoughOfType(SlotTaken):
    title = _l("No more visits of this type on that day")
    default_message = _l("The doctor has as many visits of this type on that day as there may be. Choose another day.")
