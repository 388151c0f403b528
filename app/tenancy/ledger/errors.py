"""What can be wrong with long work besides the work itself."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound
from app.core.i18n import _l


class UnknownOperation(NotFound):
    default_message = _l("There is no such operation.")


class OperationTaken(Conflict):
    """Somebody else performs this operation just now, or it has ended."""

    title = _l("This work is being done already")
    default_message = _l("Another worker or command does this work at the moment, or it has ended.")
    remedy = _l("Look at its page, or follow it on the command line.")


class OperationNotRetryable(Conflict):
    default_message = _l("Only work that failed or was cancelled can be taken up again.")


class OperationEnded(Conflict):
    default_message = _l("This work has ended; there is nothing to cancel.")


class OperationCancelled(Exception):
    """Somebody asked for the work to stop; raised inside it at a safe point."""


class LeaseLost(BaseException):
    """Another runner has taken the work over: nothing more may be done or written here.

    Not an Exception, so that no handler inside the work mistakes it for a fault of one hospital.
    """
