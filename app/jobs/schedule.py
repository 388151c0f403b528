"""What is done again and again: declared beside each job with `@every`, listed here, carried out by `scheduler`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.core.queue import kind_of

Due = Callable[[], bool]
Run = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Period:
    """A job that is done every so many seconds; one for hospitals only where its `due`, asked there, says so."""

    job: str
    seconds: int
    for_hospital: bool
    due: Due | None = None

    def words(self) -> str:
        """Say on which condition it is done, in the first line of what the condition says of itself."""
        if self.due is None:
            return "always"
        return (self.due.__doc__ or self.due.__name__).strip().splitlines()[0].rstrip(".")


_periods: dict[str, Period] = {}


def every(*, seconds: int, due: Due | None = None) -> Callable[[Run], Run]:
    """Have a registered job done periodically: `@every(seconds=60)` above its `@job(…)`.

    A hospital's job is woken for each active hospital in which `due`, asked bound to it, answers yes.
    """

    def declare(run: Run) -> Run:
        kind = kind_of(run)
        if kind.name in _periods:
            raise ValueError(f"job {kind.name!r} stands in the schedule twice")
        if due is not None and not kind.for_hospital:
            raise ValueError(f"job {kind.name!r} is for no hospital; nobody can be asked whether it is due")
        _periods[kind.name] = Period(kind.name, seconds, kind.for_hospital, due)
        return run

    return declare


def list_periods() -> list[Period]:
    """Return the whole schedule, the most frequent first."""
    return sorted(_periods.values(), key=lambda period: (period.seconds, period.job))
