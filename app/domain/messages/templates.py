"""The words of messages: one text per template and language; its first line is the subject. Nothing clinical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2

from app.core.formats.dates import format_date
from app.domain.appointments.models import Appointment
from app.domain.patients.models import Patient
from app.tenancy.registry import HospitalEntry

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "messages"
LOCALES = ("vi", "en")
REMINDER, CONFIRMATION, INVITATION = "reminder", "confirmation", "invitation"
SUPPORT_REQUEST = "support_request"
EMERGENCY_ACCESS = "emergency_access"
NEW_DEVICE, FACTOR_CHANGED, FACTOR_RESET = "new_device", "factor_changed", "factor_reset"
PASSWORD_RESET, PASSWORD_CHANGED = "password_reset", "password_changed"
OPERATOR_INVITATION, PATIENT_INVITATION = "operator_invitation", "patient_invitation"
# What opens something is not kept once it was sent.
SECRET = frozenset({INVITATION, OPERATOR_INVITATION, PATIENT_INVITATION, PASSWORD_RESET})


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says."""

    subject: str
    body: str


def render(template: str, locale: str, *, hospital: HospitalEntry, appointment: Appointment, patient: Patient) -> Words:
    """Write a message about an appointment, in the hospital's own time."""
    starts = appointment.starts_at.astimezone(ZoneInfo(hospital.timezone))
    facts = {
        "hospital": hospital.display_name,
        "patient": patient.full_name,
        "code": appointment.code,
        "date": format_date(starts.date()),
        "time": f"{starts:%H:%M}",
    }
    return write(template, locale, facts)


def write(template: str, locale: str, facts: Mapping[str, str]) -> Words:
    """Write a message from its facts, each of which stays on one line."""
    text = (
        _environment()
        .get_template(f"{template}.{locale}.txt")
        .render({name: _on_one_line(value) for name, value in facts.items()})
    )
    subject, _, body = text.partition("\n")
    return Words(_on_one_line(subject), body.strip() + "\n")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html",)),  # plain text: there is nothing to escape
    )


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
