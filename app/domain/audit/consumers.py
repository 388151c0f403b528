"""Who inside a hospital hears of what happened there: declared with `@consumer`, told by the relay.

A consumer is told in order, at least once, bound to the hospital, in one unit of work with its own cursor: what it
writes into the hospital's tables happens exactly once. What it does outside must stand being done again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from app.domain.audit.outbox import PlacedEvent

Handler = Callable[[Sequence[PlacedEvent]], None]
CENTRE = "centre"  # the name under which the hospital notes how far the centre has heard


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer: its name in `outbox_cursors`, what it does, and which kinds of events it wants; None for all.

    One that is told `from_now` begins, in a hospital that has never told it anything, with the next event.
    """

    name: str
    handle: Handler
    kinds: frozenset[str] | None = None
    from_now: bool = False

    def wants(self, event: PlacedEvent) -> bool:
        """Tell whether the consumer is to be told of an event."""
        return self.kinds is None or event.kind in self.kinds


_consumers: dict[str, Consumer] = {}


def consumer(
    name: str, *, kinds: Collection[str] | None = None, from_now: bool = False
) -> Callable[[Handler], Handler]:
    """Have a function told what happens in each hospital: `@consumer("live", kinds={"appointment.book"})`.

    It may raise: the events come again, a little later each time, and an event that fails again and again becomes a
    dead letter and is passed by. A database that is away is no failure. Its module must be imported
    by the application (`app/domain/models.py` or `app/jobs/__init__.py`).
    """

    def register(handle: Handler) -> Handler:
        if name in _consumers or name == CENTRE:
            raise ValueError(f"consumer {name!r} is registered twice")
        _consumers[name] = Consumer(name, handle, None if kinds is None else frozenset(kinds), from_now)
        return handle

    return register


def list_consumers() -> list[Consumer]:
    """Return every consumer, by name."""
    return [_consumers[name] for name in sorted(_consumers)]


def find_consumer(name: str) -> Consumer | None:
    """Return a consumer by its name."""
    return _consumers.get(name)
