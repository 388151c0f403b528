"""The words of messages: one text per template and language; its first line is the subject. Nothing clinical.

A hospital's own words go before those that ship, where `template_kinds` offers them. Those are filled in here, by
names between double braces and nothing else: no text of a hospital is ever a program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import sqlalchemy as sa

from app.core.db import db
from app.core.formats.dates import format_date
from app.domain.appointments.models import Appointment
from app.domain.messages import template_kinds
from app.domain.messages.models import Channel, MessageChannel, MessageTemplate
from app.domain.messages.sms import count_sms, without_diacritics
from app.domain.patients.models import Patient
from app.tenancy.registry import HospitalEntry

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "messages"
LOCALES = ("vi", "en")
REMINDER, CONFIRMATION = template_kinds.REMINDER, template_kinds.CONFIRMATION
INVITATION = "invitation"
SUPPORT_REQUEST = "support_request"
EMERGENCY_ACCESS = "emergency_access"
NEW_DEVICE, FACTOR_CHANGED, FACTOR_RESET = "new_device", "factor_changed", "factor_reset"
PASSWORD_RESET, PASSWORD_CHANGED = "password_reset", "password_changed"
OPERATOR_INVITATION, PATIENT_INVITATION = "operator_invitation", "patient_invitation"
# What opens something is not kept once it was sent.
SECRET = frozenset({INVITATION, OPERATOR_INVITATION, PATIENT_INVITATION, PASSWORD_RESET})
PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says; `segments` where it is sent as text messages."""

    subject: str
    body: str
    segments: int | None = None


def render(
    template: str,
    locale: str,
    *,
    channel: Channel,
    hospital: HospitalEntry,
    appointment: Appointment,
    patient: Patient,
    more: Mapping[str, str] | None = None,
) -> Words:
    """Write a message about an appointment, in the hospital's own time and words."""
    facts = facts_of_visit(hospital, appointment, patient) | dict(more or {})
    return Wording().render(template, locale, channel, facts)


def facts_of_visit(hospital: HospitalEntry, appointment: Appointment, patient: Patient) -> dict[str, str]:
    """Return what every message about an appointment may state, in the hospital's own time."""
    starts = appointment.starts_at.astimezone(ZoneInfo(hospital.timezone))
    return {
        "hospital": hospital.display_name,
        "patient": patient.full_name,
        "code": appointment.code,
        "date": format_date(starts.date()),
        "time": f"{starts:%H:%M}",
    }


class Wording:
    """The words of messages that are written together: what the hospital says about them is read once."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, Channel, str], Words | None] = {}
        self._plain: bool | None = None

    def render(self, template: str, locale: str, channel: Channel, facts: Mapping[str, str]) -> Words:
        """Write a message from its facts, in the hospital's own words where it has some."""
        own = self._find_own(template, channel, locale)
        words = fill_in(own, facts) if own else write(template, locale, facts, channel=channel)
        return as_sms(words, plain=self._wants_plain()) if channel is Channel.SMS else words

    def _find_own(self, template: str, channel: Channel, locale: str) -> Words | None:
        key = template, channel, locale
        if key not in self._own:
            offered = template_kinds.find_kind(template)
            self._own[key] = find_own_words(template, channel, locale) if offered else None
        return self._own[key]

    def _wants_plain(self) -> bool:
        if self._plain is None:
            self._plain = wants_plain_letters()
        return self._plain


def write(template: str, locale: str, facts: Mapping[str, str], *, channel: Channel = Channel.EMAIL) -> Words:
    """Write a message from its facts, each of which stays on one line, in the words that ship."""
    names = [f"{template}.{locale}.txt"]
    if channel is Channel.SMS:
        names.insert(0, f"{template}.sms.{locale}.txt")
    text = _environment().select_template(names).render({name: _on_one_line(value) for name, value in facts.items()})
    subject, _, body = text.partition("\n")
    if channel is Channel.SMS and not _is_there(names[0]):
        body = subject  # the short text that there is
    return Words(_on_one_line(subject), body.strip() + "\n")


def fill_in(words: Words, facts: Mapping[str, str]) -> Words:
    """Put facts, each on one line, where a hospital's own words name them; one that is not known stays empty."""

    def fact(found: re.Match[str]) -> str:
        return _on_one_line(facts.get(found[1], ""))

    return Words(_on_one_line(PLACEHOLDER.sub(fact, words.subject)), PLACEHOLDER.sub(fact, words.body).strip() + "\n")


def as_sms(words: Words, *, plain: bool) -> Words:
    """Return words as a text message carries them, with the number of its segments; it has no subject."""
    text = words.body.strip()
    text = without_diacritics(text) if plain else text
    return Words("", text, count_sms(text).segments)


def find_own_words(template: str, channel: Channel, locale: str) -> Words | None:
    """Return the hospital's own words for a message, or None where it uses those that ship."""
    query = sa.select(MessageTemplate.subject, MessageTemplate.body).where(
        MessageTemplate.template == template, MessageTemplate.channel == channel, MessageTemplate.locale == locale
    )
    found = db.session.execute(query).one_or_none()
    return None if found is None else Words(*found)


def wants_plain_letters() -> bool:
    """Tell whether the hospital's text messages go without diacritics, which they do unless it said otherwise."""
    query = sa.select(MessageChannel.plain_letters).where(MessageChannel.channel == Channel.SMS)
    said = db.session.scalar(query)
    return True if said is None else said


def shipped_text(template: str, channel: Channel, locale: str) -> Words:
    """Return the words that ship, with their placeholders, as a hospital may change them."""
    name = f"{template}.sms.{locale}.txt" if channel is Channel.SMS else f"{template}.{locale}.txt"
    path = FOLDER / name
    subject, _, body = (path if path.exists() else FOLDER / f"{template}.{locale}.txt").read_text().partition("\n")
    return Words("" if channel is Channel.SMS else subject, body.strip() if path.exists() else subject)


def _is_there(name: str) -> bool:
    return (FOLDER / name).exists()


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html",)),  # plain text: there is nothing to escape
    )


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
