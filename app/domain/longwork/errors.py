"""What can be wrong with a hospital's long work besides the work itself."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound
from app.core.i18n import _l


class UnknownWork(NotFound):
    default_message = _l("There is no such work.")


class WorkTaken(Conflict):
    """Somebody else performs it, or another of its kind, just now; or it has ended."""

    title = _l("This work is being done already")
    default_message = _l("This work, or another of its kind, is being done just now. Yours waits its turn.")
    remedy = _l("Look at its page, or follow it on the command line.")


class WorkEnded(Conflict):
    default_message = _l("This work has ended; there is nothing to cancel.")


class WorkNotRetryable(Conflict):
    default_message = _l(
        "Only work that failed or was cancelled, and whose files are still kept, can be taken up again."
    )


class DoneBefore(Conflict):
    """The same was asked for before: `work_id` is where it was or is being done."""

    title = _l("This file was imported before")
    default_message = _l("Exactly this file was imported before, or is being imported. Nothing was done twice.")
    remedy = _l("Look at that import. Rows that it refused can be corrected and imported as a file of their own.")

    def __init__(self, work_id: UUID) -> None:
        self.work_id = work_id
        super().__init__()


class ResultGone(Conflict):
    title = _l("This file is not there any more")
    default_message = _l("Files of long work are destroyed after some days. Ask for a new one.")


class NotYours(Forbidden):
    default_message = _l("Somebody else asked for this work, and your role does not let you decide about it.")


class AskerGone(Forbidden):
    """Who asked for the work may not do this any more."""

    title = _l("Who asked for this may not do it any more")
    default_message = _l(
        "Whoever asked for this work has left, or has lost the permission for it. Nothing more is done."
    )
    remedy = _l("Somebody who may do it can ask for it anew.")


class TookTooLong(Conflict):
    title = _l("This work took too long")
    default_message = _l("The work was stopped because it took longer than its kind may take. What was done is kept.")
    remedy = _l("Take it up again to go on from there, or choose a shorter period or a smaller file.")


class GivenUp(Conflict):
    default_message = _l("The work was given up: its worker ended again and again in the middle of it.")
    remedy = _l("Ask your platform's operators to look at the worker's log, then take it up again.")


class NotATable(InvalidValue):
    """The file that was sent cannot be read as a table."""


class WorkCancelled(Exception):
    """Somebody asked for the work to stop; raised behind a batch that is committed."""


class SliceOver(Exception):
    """The work has had its turn; it goes on where it is after others have had theirs."""
