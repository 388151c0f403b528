"""How days, times and names are said to patients, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from babel.dates import format_date as babel_date
from flask_babel import get_locale

from app.core import clock
from app.core.errors import Text
from app.core.formats.dates import format_date
from app.core.i18n import _
from app.domain.appointments.models import AppointmentStatus
from app.domain.prescriptions.doses import Dose, dosed_in
from app.domain.prescriptions.models import MealTiming
from app.patient import patient
from app.web.i18n import current_language
from app.web.templates import hospital_zone, local_day

TONES = {
    AppointmentStatus.BOOKED: "info",
    AppointmentStatus.ARRIVED: "success",
    AppointmentStatus.IN_PROGRESS: "success",
    AppointmentStatus.COMPLETED: "neutral",
    AppointmentStatus.CANCELLED: "warning",
    AppointmentStatus.NO_SHOW: "warning",
}


def weekday(day: date) -> str:
    """Return the name of the weekday, such as Thứ Hai."""
    return str(babel_date(day, "EEEE", locale=get_locale() or "vi"))


def long_day(moment: date | datetime) -> str:
    """Return a day as it is said: the weekday and the date, with today and tomorrow named."""
    day = local_day(moment) if isinstance(moment, datetime) else moment
    words = f"{weekday(day)}, {format_date(day)}"
    match (day - clock.today(hospital_zone())).days:
        case 0:
            return _("Today – %(day)s", day=words)
        case 1:
            return _("Tomorrow – %(day)s", day=words)
    return words


def short_day(day: date) -> str:
    """Return a day for a narrow tab, such as Th 2 23/11."""
    return f"{babel_date(day, 'EEE', locale=get_locale() or 'vi')} {day.day:02d}/{day.month:02d}"


def name_in_language(name: str, name_en: str | None) -> str:
    """Return a name in the reader's language where there is one."""
    return name_en if current_language() == "en" and name_en else name


def status_words(status: AppointmentStatus) -> str:
    """Say to the patient how a visit stands."""
    return {
        AppointmentStatus.BOOKED: _("Booked"),
        AppointmentStatus.ARRIVED: _("You have checked in"),
        AppointmentStatus.IN_PROGRESS: _("With the doctor"),
        AppointmentStatus.COMPLETED: _("Visit finished"),
        AppointmentStatus.CANCELLED: _("Cancelled"),
        AppointmentStatus.NO_SHOW: _("You did not come"),
    }[status]


def meal_words(timing: MealTiming) -> str:
    """Say when to take a medicine; nothing where it does not matter."""
    return {
        MealTiming.ANY: "",
        MealTiming.BEFORE: _("before meals"),
        MealTiming.WITH: _("with meals"),
        MealTiming.AFTER: _("after meals"),
        MealTiming.BEDTIME: _("before going to bed"),
    }[timing]


def dose_words(item: Any) -> Text:
    """Say how much of a prescribed medicine to take, how often and for how long."""
    return Dose(item.dose_amount, item.times_per_day, item.days).text(dosed_in(item))


@patient.context_processor
def _words() -> dict[str, Callable[..., Any] | dict[AppointmentStatus, str]]:
    return {
        "dose_words": dose_words,
        "long_day": long_day,
        "meal_words": meal_words,
        "name_in_language": name_in_language,
        "short_day": short_day,
        "status_tones": TONES,
        "status_words": status_words,
    }
