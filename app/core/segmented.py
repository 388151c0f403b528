"""A cache of bounded size that a single pass over everything does not empty.

What comes in is on probation; what is asked for again, a while later, is protected. What goes is the longest unused
of those on probation. Whoever is asked for several times within one request has been asked for once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

PROTECTED_PART = 0.8
SAME_USE_SECONDS = 1.0


class SegmentedLru(Generic[Key, Value]):
    """The most recently used values by key; not safe for threads by itself."""

    def __init__(
        self,
        size: int,
        on_protection: Callable[[Value, bool], None] = lambda _value, _protected: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.size = size
        self._most_protected = min(size - 1, int(size * PROTECTED_PART))
        self._on_protection = on_protection
        self._monotonic = monotonic
        self._probation: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._protected: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    def values(self) -> list[Value]:
        """Return everything that is kept."""
        return [*self._protected.values(), *(value for value, _ in self._probation.values())]

    def get(self, key: Key) -> Value | None:
        """Return a value and note that it was used, or None."""
        value = self._protected.get(key)
        if value is not None:
            self._protected.move_to_end(key)
            return value
        found = self._probation.get(key)
        if found is None:
            return None
        value, first_used = found
        if self._most_protected and self._monotonic() - first_used > SAME_USE_SECONDS:
            self._protect(key, value)
        else:
            self._probation.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> list[Value]:
        """Keep a new value; return what had to go for it."""
        self._probation[key] = (value, self._monotonic())
        gone = []
        while len(self) > self.size:
            gone.append(self._probation.popitem(last=False)[1][0])
        return gone

    def clear(self) -> list[Value]:
        """Forget everything; return what was kept."""
        gone = self.values()
        self._probation.clear()
        self._protected.clear()
        return gone

    def _protect(self, key: Key, value: Value) -> None:
        del self._probation[key]
        self._protected[key] = value
        self._on_protection(value, True)
        if len(self._protected) > self._most_protected:
            longest_unused, demoted = self._protected.popitem(last=False)
            self._probation[longest_unused] = (demoted, self._monotonic())
            self._on_protection(demoted, False)
