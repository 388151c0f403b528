"""Reading a period of days and a place in a list from what was typed or followed; both portals search logs by them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from uuid import UUID

from app.core import clock
from app.core.errors import InvalidValue
from app.core.formats.dates import parse_date
from app.core.i18n import _
from app.core.ids import parse_id
from app.web.templates import hospital_zone


def read_period(typed: Mapping[str, str], usual_days: int) -> tuple[datetime, datetime, dict[str, str]]:
    """Read `since` and `until`, both days included; without them the last days. Errors are returned by field."""
    errors: dict[str, str] = {}
    today = clock.today(hospital_zone())
    since = _read_day(typed, "since", today - timedelta(days=usual_days - 1), errors)
    until = _read_day(typed, "until", today, errors)
    if not errors and until < since:
        errors["until"] = _("The last day is before the first.")
    return _begin(since), _begin(until + timedelta(days=1)), errors


def read_place(text: str) -> tuple[datetime, UUID] | None:
    """Read where the last page of a list ended; anything else than what was given out is the first page."""
    moment, _comma, entry = text.partition(",")
    entry_id = parse_id(entry)
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, entry_id) if entry_id is not None and at.tzinfo is not None else None


def place_text(place: tuple[datetime, UUID]) -> str:
    """Write a place for an address."""
    return f"{place[0].isoformat()},{place[1]}"


def _read_day(typed: Mapping[str, str], name: str, usual: date, errors: dict[str, str]) -> date:
    text = typed.get(name, "").strip()
    if not text:
        return usual
    try:
        day = parse_date(text)
    except InvalidValue as error:
        errors[name] = str(error)
        return usual
    if day.year > clock.now().year + 100:
        errors[name] = _("Enter a day that is not so far away.")
        return usual
    return day


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), hospital_zone())
