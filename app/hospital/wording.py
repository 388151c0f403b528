"""The words in which the portal speaks of states, sexes, times and doses; templates see this module as `words`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from app.core import clock
from app.core.errors import Text
from app.core.i18n import _, _l
from app.core.permissions import list_permissions
from app.domain.appointments.models import AppointmentStatus, BookedVia, ConfirmedVia, VisitKind
from app.domain.messages.models import ReminderOutcome
from app.domain.messages.rules import DAY, HOUR, minutes_of
from app.domain.patients.models import AllergyState, Sex
from app.domain.prescriptions.doses import Dose, dosed_in, format_quantity
from app.domain.prescriptions.models import MealTiming, PrescriptionStatus
from app.domain.records.conditions import format_onset
from app.domain.records.models import ConditionStatus, Consciousness, DiagnosisKind, RecordStatus
from app.domain.records.rules import LABELS as NOTE_LABELS
from app.web.i18n import current_language

__all__ = ["NOTE_LABELS"]

SEX: dict[Sex, Text] = {Sex.MALE: _l("Male"), Sex.FEMALE: _l("Female"), Sex.OTHER: _l("Other")}

STATUS: dict[AppointmentStatus, Text] = {
    AppointmentStatus.BOOKED: _l("Expected"),
    AppointmentStatus.ARRIVED: _l("Waiting"),
    AppointmentStatus.IN_PROGRESS: _l("In consultation"),
    AppointmentStatus.COMPLETED: _l("Done"),
    AppointmentStatus.CANCELLED: _l("Cancelled"),
    AppointmentStatus.NO_SHOW: _l("Did not come"),
}
STATUS_TONE: dict[AppointmentStatus, str] = {
    AppointmentStatus.BOOKED: "neutral",
    AppointmentStatus.ARRIVED: "warning",
    AppointmentStatus.IN_PROGRESS: "info",
    AppointmentStatus.COMPLETED: "success",
    AppointmentStatus.CANCELLED: "neutral",
    AppointmentStatus.NO_SHOW: "danger",
}
BOOKED_VIA: dict[BookedVia, Text] = {
    BookedVia.PATIENT_PORTAL: _l("by the patient"),
    BookedVia.DESK: _l("at the reception"),
}
VISIT_KIND: dict[VisitKind, Text] = {
    VisitKind.PLANNED: _l("booked beforehand"),
    VisitKind.WALK_IN: _l("came without a booking"),
    VisitKind.EMERGENCY: _l("Emergency"),
    VisitKind.FOLLOW_UP: _l("follow-up"),
}
CONFIRMED_VIA: dict[ConfirmedVia, Text] = {
    ConfirmedVia.LINK: _l("by the link in a message"),
    ConfirmedVia.SMS: _l("by text message"),
    ConfirmedVia.PORTAL: _l("in the patient portal"),
    ConfirmedVia.DESK: _l("told at the reception"),
}
REMINDER_OUTCOME: dict[ReminderOutcome, Text] = {
    ReminderOutcome.TOO_LATE: _l("It was too late to send it"),
    ReminderOutcome.NO_WAY: _l("No telephone number or e-mail address"),
    ReminderOutcome.GIVEN_UP: _l("No way of sending it worked"),
}
RECORD_STATUS: dict[RecordStatus, Text] = {
    RecordStatus.DRAFT: _l("Draft"),
    RecordStatus.SIGNED: _l("Signed"),
    RecordStatus.AMENDED: _l("Replaced by a newer version"),
}
RECORD_TONE: dict[RecordStatus, str] = {
    RecordStatus.DRAFT: "warning",
    RecordStatus.SIGNED: "success",
    RecordStatus.AMENDED: "neutral",
}
PRESCRIPTION_STATUS: dict[PrescriptionStatus, Text] = {
    PrescriptionStatus.DRAFT: _l("Draft"),
    PrescriptionStatus.SIGNED: _l("Signed"),
    PrescriptionStatus.CANCELLED: _l("Cancelled"),
}
DIAGNOSIS_KIND: dict[DiagnosisKind, Text] = {
    DiagnosisKind.PRIMARY: _l("Primary"),
    DiagnosisKind.SECONDARY: _l("Secondary"),
}
CONSCIOUSNESS: dict[Consciousness, Text] = {
    Consciousness.ALERT: _l("Fully alert"),
    Consciousness.CONFUSION: _l("Newly confused"),
    Consciousness.VOICE: _l("Responds to voice"),
    Consciousness.PAIN: _l("Responds to pain"),
    Consciousness.UNRESPONSIVE: _l("Unresponsive"),
}
OXYGEN: dict[str, Text] = {"air": _l("Room air"), "oxygen": _l("Oxygen")}
CONDITION_STATUS: dict[ConditionStatus, Text] = {
    ConditionStatus.ACTIVE: _l("Present"),
    ConditionStatus.RESOLVED: _l("No longer present"),
}
MEAL_TIMING: dict[MealTiming, Text] = {
    MealTiming.ANY: _l("Any time"),
    MealTiming.BEFORE: _l("Before meals"),
    MealTiming.WITH: _l("With meals"),
    MealTiming.AFTER: _l("After meals"),
    MealTiming.BEDTIME: _l("At bedtime"),
}
ALLERGY_STATE: dict[AllergyState, Text] = {
    AllergyState.KNOWN: _l("Has allergies"),
    AllergyState.NONE_KNOWN: _l("No known allergies"),
    AllergyState.NOT_RECORDED: _l("Not asked yet"),
}
WEEKDAYS: tuple[Text, ...] = (
    _l("Monday"),
    _l("Tuesday"),
    _l("Wednesday"),
    _l("Thursday"),
    _l("Friday"),
    _l("Saturday"),
    _l("Sunday"),
)
ACTOR_KIND: dict[str, Text] = {
    "staff": _l("Staff"),
    "patient": _l("Patient"),
    "operator": _l("Operator"),
    "system": _l("System"),
}
ACTION: dict[str, Text] = {
    "worklist.view": _l("Saw the patient in a worklist"),
    "patient.search": _l("Found the patient in a search"),
    "patient.view": _l("Opened the patient's page"),
    "patient.edit": _l("Opened the patient's data to correct them"),
    "patient.access": _l("Looked up who had looked"),
    "visit.view": _l("Opened a visit"),
    "vitals.view": _l("Read the vital signs"),
    "record.view": _l("Opened a medical record"),
    "patient.confidentiality": _l("Opened the patient's confidentiality"),
    "emergency_access.list": _l("Saw the patient in the list of emergency accesses"),
    "emergency_access.view": _l("Reviewed an emergency access"),
}


def action(code: str) -> Text:
    """Say an entry of the access log; acts of other parts are said by their code."""
    return ACTION.get(code, code)


def weekday(day: date) -> Text:
    """Say the day of the week."""
    return WEEKDAYS[day.weekday()]


def before_visit(minutes: int) -> str:
    """Say how long before a visit, in the largest whole unit."""
    if minutes % DAY == 0:
        return _("%(count)s days before", count=minutes // DAY)
    if minutes % HOUR == 0:
        return _("%(count)s hours before", count=minutes // HOUR)
    return _("%(count)s minutes before", count=minutes)


def reminder_rule(code: str) -> str:
    """Say by which rule a reminder was to be sent."""
    minutes = minutes_of(code)
    return code if minutes is None else before_visit(minutes)


def minutes_since(moment: datetime) -> int:
    """Return the whole minutes since a moment."""
    return max(0, int((clock.now() - moment).total_seconds() // 60))


def waited(moment: datetime) -> str:
    """Say how long somebody has been waiting."""
    return _in_minutes(minutes_since(moment))


def duration(length: timedelta) -> str:
    """Say how long something lasts, to the minute."""
    return _in_minutes(int(length.total_seconds() // 60))


def _in_minutes(minutes: int) -> str:
    if minutes < 60:
        return _("%(minutes)s min", minutes=minutes)
    return _("%(hours)s h %(minutes)s min", hours=minutes // 60, minutes=f"{minutes % 60:02d}")


def diagnosis_title(row: Any) -> str:
    """Return a diagnosis's title in the reader's language."""
    return str(row.title if current_language() == "vi" else row.title_en)


def onset(kept: str | None) -> str:
    """Write since when somebody has a problem."""
    return format_onset(kept)


def dose(item: Any) -> Text:
    """Write a prescribed item's dose."""
    return Dose(item.dose_amount, item.times_per_day, item.days).text(dosed_in(item))


def quantity(item: Any) -> str:
    """Write a prescribed item's quantity."""
    return format_quantity(item.quantity, item.unit)


def permission_titles() -> dict[str, Text]:
    """Return the titles of the staff's permissions by code."""
    return {permission.code: permission.title for permission in list_permissions("hospital")}
