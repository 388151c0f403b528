"""Quiet hours: times of a hospital's day in which nobody is written to. Pure arithmetic on the hospital's own clocks.

What is asked is always an instant's time of day, never a length of time, so that a day on which the clocks are moved
has its quiet hours like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

# Whatever was moved to before the quiet hours still has to be carried before they begin.
AHEAD = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day until another, usually of the next day."""

    begin: time
    end: time

    def hold_at(self, moment: datetime, zone: tzinfo) -> bool:
        """Tell whether it is quiet at a moment."""
        now = moment.astimezone(zone).time()
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end

    def over_at(self, moment: datetime, zone: tzinfo) -> datetime:
        """Return when the quiet hours that hold at a moment are over; the moment itself where none hold."""
        while self.hold_at(moment, zone):
            moment = _next(moment, self.end, zone)
        return moment

    def ahead_of(self, moment: datetime, zone: tzinfo) -> datetime:
        """Return the last moment before the quiet hours that hold at a moment; the moment itself where none hold."""
        if not self.hold_at(moment, zone):
            return moment
        day = moment.astimezone(zone).date()
        begun = _at(day, self.begin, zone)
        return (begun if begun <= moment else _at(day - timedelta(days=1), self.begin, zone)) - AHEAD


def _next(moment: datetime, wanted: time, zone: tzinfo) -> datetime:
    """Return the first moment after another at which clocks show a time of day."""
    day = moment.astimezone(zone).date()
    candidates = (_at(day + timedelta(days=offset), wanted, zone, fold) for offset in (0, 1) for fold in (0, 1))
    return min(each for each in candidates if each > moment)


def _at(day: object, wanted: time, zone: tzinfo, fold: int = 0) -> datetime:
    return datetime.combine(day, wanted, tzinfo=zone).replace(fold=fold).astimezone(UTC)  # type: ignore[arg-type]
