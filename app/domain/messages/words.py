"""What messages, their states and what went wrong with them are called for people."""

from __future__ import annotations

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.messages.models import Channel, MessageState
from app.domain.messages.template_kinds import find_kind

STATE: dict[MessageState, Text] = {
    MessageState.QUEUED: _l("Waiting"),
    MessageState.SENDING: _l("Being sent"),
    MessageState.SENT: _l("Accepted"),
    MessageState.DELIVERED: _l("Delivered"),
    MessageState.FAILED: _l("Not delivered"),
    MessageState.UNKNOWN: _l("Unknown"),
}
TONE: dict[MessageState, str] = {
    MessageState.QUEUED: "neutral",
    MessageState.SENDING: "info",
    MessageState.SENT: "info",
    MessageState.DELIVERED: "success",
    MessageState.FAILED: "danger",
    MessageState.UNKNOWN: "warning",
}
CHANNEL: dict[Channel, Text] = {
    Channel.EMAIL: _l("E-mail"),
    Channel.SMS: _l("Text message"),
    Channel.PUSH: _l("Browser notification"),
    Channel.CONSOLE: _l("Shown here only"),
}
LOCALE: dict[str, Text] = {"vi": _l("Vietnamese"), "en": _l("English")}
SOURCE: dict[str, Text] = {
    "worker": _l("The system"),
    "report": _l("Report of the provider"),
    "person": _l("Decision"),
}
LETTERS: dict[str, Text] = {
    "test": _l("Test message"),
    "invitation": _l("Invitation"),
    "patient_invitation": _l("Invitation"),
    "password_reset": _l("Link for a new password"),
    "password_changed": _l("News of a changed password"),
    "new_device": _l("News of a new device"),
    "factor_changed": _l("News of a changed second factor"),
    "factor_reset": _l("News of a reset second factor"),
    "emergency_access": _l("News of emergency access"),
    "support_request": _l("Request for support access"),
    "breach": _l("Notice of a data breach"),
    "reply_confirmed": _l("Answer to a reply"),
    "reply_cancelled": _l("Answer to a reply"),
    "reply_unclear": _l("Answer to a reply"),
}

# By how the sentences begin that transports and the ledger write for machines and for people who look deep.
_ERRORS: tuple[tuple[str, Text], ...] = (
    ("the appointment does not stand", _l("The visit does not stand any more, or the patient wants no messages.")),
    ("a worker ended while", _l("The system stopped while the provider may have taken it.")),
    ("each time a worker ended", _l("The system stopped each time it was tried.")),
    ("the channel is not set up", _l("This channel is not set up.")),
    ("no device takes", _l("No browser of the patient takes notifications any more.")),
    ("the provider reports", _l("The provider reports that it could not be delivered.")),
    ("no connection", _l("The provider could not be reached.")),
    ("no push service", _l("The provider could not be reached.")),
    ("refused for now", _l("The provider takes nothing at the moment.")),
    ("session refused", _l("The provider takes nothing at the moment.")),
    ("no answer", _l("The provider did not answer; it may have taken the message.")),
    ("the request cannot", _l("The settings of the gateway make no request that can be sent.")),
    ("the gateway broke", _l("The provider had a fault; it may have taken the message.")),
    ("the answer does not say", _l("The provider's answer does not say whether it took the message.")),
    ("restored from a backup", _l("The hospital was restored from a backup.")),
    ("unexpected", _l("The system had a fault.")),
    ("refused", _l("The provider refused it.")),
    ("recipient refused", _l("The provider refused it.")),
)


def template_words(code: str) -> Text:
    """Return what kind of message it is."""
    kind = find_kind(code)
    return kind.title if kind else LETTERS.get(code, code)


def error_words(error: str | None) -> Text | None:
    """Return why a message did not go, for people; what is not known stands for itself."""
    if error is None:
        return None
    return next((words for begin, words in _ERRORS if error.startswith(begin)), error)
