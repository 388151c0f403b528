"""What the loopback gateway has taken, and how it behaves next. It forgets everything when it ends."""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core import clock
from app.core.ids import new_token

MOST = 500


class Behaviour(enum.StrEnum):
    """What happens to the next messages."""

    ACCEPT = "accept"
    DELIVER = "deliver"
    HANG = "hang"
    LATER = "later"
    BREAK = "break"
    REFUSE = "refuse"


@dataclass(slots=True)
class Taken:
    """A message that the gateway has accepted."""

    id: str
    to: str
    text: str
    sender: str
    reference: str
    hospital: str
    at: datetime
    said: list[str]


class Box:
    """Messages by their id, the newest first; safe for several threads."""

    def __init__(self) -> None:
        self.behaviour = Behaviour.ACCEPT
        self.requests = 0
        self._taken: deque[Taken] = deque(maxlen=MOST)
        self._lock = threading.Lock()

    def take(self, said: dict[str, Any]) -> Taken:
        """Accept a message."""
        words = {name: str(said.get(name, ""))[:2000] for name in ("to", "text", "sender", "reference", "hospital")}
        message = Taken(id="lo-" + new_token()[:12], at=clock.now(), said=[], **words)
        with self._lock:
            self._taken.appendleft(message)
        return message

    def list(self) -> Sequence[Taken]:
        """Return what was taken, the newest first."""
        with self._lock:
            return list(self._taken)

    def find(self, message_id: str) -> Taken | None:
        """Return a message, or None."""
        return next((one for one in self.list() if one.id == message_id), None)
