"""The kinds of long work: each is declared once, beside the function that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.core.errors import Text

if TYPE_CHECKING:
    from app.tenancy.ledger.performing import Work

Run = Callable[["Work"], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class OperationKind:
    """A registered kind of long work.

    `steps` names its steps in their order, as people read them. One that `takes_hospital` is about one hospital, and
    nobody else changes that hospital as a whole meanwhile, unless `shares_hospital` says that it disturbs nobody.
    `quick` work goes before backups and other work of minutes. What failed is tried again after `retry_seconds`.
    """

    name: str
    title: Text
    run: Run
    takes_hospital: bool
    shares_hospital: bool = False
    steps: Mapping[str, Text] = field(default_factory=dict)
    quick: bool = False
    retry_seconds: int | None = None

    @property
    def queue(self) -> str:
        """Return the queue on which workers are told of it."""
        return "fleet" if self.quick else "long"


_kinds: dict[str, OperationKind] = {}


def operation(
    name: str,
    *,
    title: Text,
    takes_hospital: bool,
    shares_hospital: bool = False,
    steps: Mapping[str, Text] | None = None,
    quick: bool = False,
    retry_seconds: int | None = None,
) -> Callable[[Run], Run]:
    """Register a function as a kind of long work; it gets a `Work` and returns what came of it, as JSON."""

    def register(run: Run) -> Run:
        if name in _kinds:
            raise ValueError(f"operation {name!r} is registered twice")
        _kinds[name] = OperationKind(
            name, title, run, takes_hospital, shares_hospital, steps or {}, quick, retry_seconds
        )
        return run

    return register


def kind_named(name: str) -> OperationKind:
    """Return a registered kind; raises LookupError for one that this release does not know."""
    if name not in _kinds:
        raise LookupError(f"no operation is registered as {name!r}")
    return _kinds[name]


def list_kinds() -> list[OperationKind]:
    """Return every kind by name."""
    return sorted(_kinds.values(), key=lambda kind: kind.name)
