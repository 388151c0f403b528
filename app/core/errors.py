"""The errors that operations raise; the web maps each to its page once, the command line to its exit code."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from flask_babel.speaklater import LazyString

from app.core.i18n import _l

Text: TypeAlias = str | LazyString


class VienError(Exception):
    """Something that a person can be told about: what happened and what to do next."""

    status: ClassVar[int] = 500
    title: ClassVar[Text] = _l("Something went wrong")
    default_message: ClassVar[Text] = _l("The system could not complete this request.")
    remedy: Text | None = None

    def __init__(self, message: Text | None = None, *, remedy: Text | None = None) -> None:
        self.message: Text = message if message is not None else self.default_message
        if remedy is not None:
            self.remedy = remedy
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)


class InvalidValue(VienError):
    """A value that a person typed and can correct; `field` names where."""

    status = 422
    title = _l("Please check what you entered")
    default_message = _l("This value is not valid.")

    def __init__(self, message: Text | None = None, *, field: str | None = None, remedy: Text | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.field = field


class NotSignedIn(VienError):
    status = 401
    title = _l("Please sign in")
    default_message = _l("You need to sign in to see this page.")


class Forbidden(VienError):
    status = 403
    title = _l("You may not see this page")
    default_message = _l("Your account does not have the permission that this page needs.")
    remedy = _l("If you need it for your work, ask your administrator.")


class NotFound(VienError):
    status = 404
    title = _l("Page not found")
    default_message = _l("There is nothing at this address.")
    remedy = _l("Check the address, or go back and try again.")


class Conflict(VienError):
    """The state of things does not allow the act (any more)."""

    status = 409
    title = _l("This has changed in the meantime")
    default_message = _l("Somebody else was faster. Nothing of theirs was overwritten.")


class StaleVersion(Conflict):
    """Somebody else has edited the thing since it was read."""

    default_message = _l("Somebody else has edited this since you opened it. Nothing was overwritten.")


class TooManyAttempts(VienError):
    status = 429
    title = _l("Too many attempts")
    default_message = _l("There were too many attempts. Please wait a little.")

    def __init__(self, retry_after: int, message: Text | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(VienError):
    """A part that the page needs does not answer; it is worth trying again."""

    status = 503
    title = _l("Temporarily unavailable")
    default_message = _l("The service does not answer at the moment.")
    remedy = _l("Please try again in a few minutes. Nothing that was confirmed is lost.")
    retry_after = 15
