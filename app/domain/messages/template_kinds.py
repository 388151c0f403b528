"""Which messages a hospital may word for itself, and the fixed list of facts that each may state. Nothing clinical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.messages.models import Channel

REMINDER, CONFIRMATION = "reminder", "confirmation"
MOVED, OFFER = "moved", "slot_offer"
TEST = "test"  # tries a channel; to nobody whom the hospital treats
REPLY = {"confirmed": "reply_confirmed", "cancelled": "reply_cancelled", "unclear": "reply_unclear"}
SHOWN_CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.PUSH)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a message may state: what it is, and how it looks in a preview."""

    label: Text
    sample: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A message that goes to patients; no other facts than these can be written into it."""

    code: str
    title: Text
    facts: Mapping[str, Fact]
    needed: frozenset[str]


OF_A_VISIT: Mapping[str, Fact] = {
    "hospital": Fact(_l("The hospital's name"), "Bệnh viện Đa khoa An Bình"),
    "patient": Fact(_l("The patient's name"), "Nguyễn Thị Minh Khai"),
    "code": Fact(_l("The visit's code"), "LH-2611-0042"),
    "date": Fact(_l("The visit's day"), "24/11/2026"),
    "time": Fact(_l("The visit's time"), "08:30"),
}

_kinds: dict[str, Kind] = {}


def declare_template(code: str, title: Text, facts: Mapping[str, Fact], *, needed: frozenset[str] = frozenset()) -> str:
    """Let hospitals word a message about a visit for themselves; return its code.

    `facts` come beside those of the visit; `needed` are those without which the message would be of no use.
    """
    _kinds[code] = Kind(code, title, {**OF_A_VISIT, **facts}, needed)
    return code


def list_kinds() -> list[Kind]:
    """Return what hospitals may word for themselves."""
    return list(_kinds.values())


def find_kind(code: str) -> Kind | None:
    """Return a kind of message, or None where its words are not the hospital's to change."""
    return _kinds.get(code)


LINK = Fact(_l("The link by which the patient answers"), "https://vien.example/h/an-binh/patient/answer/AbC…")
WHEN = frozenset({"date", "time"})

declare_template(CONFIRMATION, _l("Confirmation of a visit"), {"link": LINK}, needed=WHEN)
declare_template(REMINDER, _l("Reminder of a visit"), {"link": LINK}, needed=WHEN)
declare_template(MOVED, _l("News that a visit was moved"), {"link": LINK}, needed=WHEN)
declare_template(
    OFFER,
    _l("Offer of an earlier time"),
    {"link": LINK, "deadline": Fact(_l("Until when the offer stands"), "24/11/2026 10:15")},
    needed=WHEN | {"link", "deadline"},
)
