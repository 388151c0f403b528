"""Why an offer cannot be taken or a wish not be noted, in words that a patient understands."""

from __future__ import annotations

from app.core.errors import Conflict
from app.core.i18n import _l


class OfferOver(Conflict):
    title = _l("This offer is no longer open")
    default_message = _l("Its time is over, and the place is offered to the next person.")
    remedy = _l("You stay on the waiting list, and your present visit stays as it is.")


class OfferAnswered(Conflict):
    title = _l("You have answered this offer already")
    default_message = _l("An offer is answered once.")


class OfferGone(Conflict):
    title = _l("This offer no longer holds")
    default_message = _l("Your visit was cancelled, moved or has begun since, so there is nothing to move.")
    remedy = _l("Please speak to the reception of the hospital.")


class WaitsAlready(Conflict):
    title = _l("You are on the waiting list already")
    default_message = _l("For this visit, somebody has asked for an earlier time already.")
    remedy = _l("Take that entry off the list first if you want other days or times.")
