"""The kinds of a hospital's long work: each is declared once, beside the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.core.errors import Text
from app.core.permissions import Permission

if TYPE_CHECKING:
    from app.domain.longwork.performing import Work

Run = Callable[["Work"], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class WorkKind:
    """A registered kind of long work.

    Who asks for it needs its permission, when asking and while it is done. It may take `limit_seconds`, put together.
    What `keeps_effects` leaves what its batches have done when it is cancelled or fails; anything else begins anew, and
    what was made until then is destroyed.
    """

    name: str
    title: Text
    permission: Permission
    run: Run
    limit_seconds: int
    keeps_effects: bool


_kinds: dict[str, WorkKind] = {}


def long_work(
    name: str, *, title: Text, permission: Permission, limit_seconds: int = 3600, keeps_effects: bool = False
) -> Callable[[Run], Run]:
    """Register a function as a kind of long work; it gets a `Work` and returns what came of it, as counts."""

    def register(run: Run) -> Run:
        if name in _kinds:
            raise ValueError(f"long work {name!r} is registered twice")
        _kinds[name] = WorkKind(name, title, permission, run, limit_seconds, keeps_effects)
        return run

    return register


def work_named(name: str) -> WorkKind:
    """Return a registered kind; raises LookupError for one that this release does not know."""
    if name not in _kinds:
        raise LookupError(f"no long work is registered as {name!r}")
    return _kinds[name]


def list_work_kinds() -> list[WorkKind]:
    """Return every kind by name."""
    return sorted(_kinds.values(), key=lambda kind: kind.name)


def work_title(name: str) -> Text:
    """Return what a kind is called; its name where this release does not know it."""
    return _kinds[name].title if name in _kinds else name
