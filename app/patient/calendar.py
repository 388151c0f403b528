"""A visit as a calendar file (RFC 5545). It says when and where, never why."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from icalendar import Alarm, Calendar, Event

from app.core import clock
from app.core.i18n import _
from app.patient.words import name_in_language
from app.tenancy.binding import bound_hospital

REMIND_BEFORE = timedelta(hours=2)


def calendar_file(visit: Any) -> bytes:
    """Return the iCalendar text of a visit; the same visit replaces itself when it is imported again."""
    hospital = bound_hospital()
    event = Event()
    event.add("uid", f"{visit.id}@{hospital.code}")
    event.add("dtstamp", clock.now())
    event.add("sequence", visit.version)
    event.add("dtstart", visit.starts_at.astimezone(UTC))
    event.add("dtend", visit.ends_at.astimezone(UTC))
    event.add("summary", _("Visit at %(hospital)s", hospital=hospital.display_name))
    event.add(
        "location", f"{name_in_language(visit.department_name, visit.department_name_en)}, {hospital.display_name}"
    )
    event.add("description", _("Code %(code)s. Doctor: %(doctor)s", code=visit.code, doctor=visit.doctor_name))
    event.add_component(_alarm())
    calendar = Calendar()
    calendar.add("prodid", "-//Vien//Patient portal//VI")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text


def _alarm() -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _("Time to leave for the hospital"))
    alarm.add("trigger", -REMIND_BEFORE)
    return alarm
