"""The hospital's own words for messages: checked when they are saved, shown beforehand as a patient would read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.audit.operations import record_change
from app.domain.messages import template_kinds
from app.domain.messages.models import Channel, MessageTemplate
from app.domain.messages.sms import MOST_SEGMENTS, Count, count_sms
from app.domain.messages.template_kinds import SHOWN_CHANNELS, Kind
from app.domain.messages.templates import (
    LOCALES,
    PLACEHOLDER,
    Words,
    as_sms,
    fill_in,
    shipped_text,
    wants_plain_letters,
)
from app.tenancy.binding import bound_hospital

LONGEST_SUBJECT, LONGEST_BODY = 150, 4000
BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")


@dataclass(frozen=True, slots=True)
class Edited:
    """A message's words as they stand: the hospital's own, or version 0 with those that ship."""

    kind: Kind
    channel: Channel
    locale: str
    subject: str
    body: str
    version: int


@dataclass(frozen=True, slots=True)
class Preview:
    """How a message reads with invented facts; `count` where it is a text message."""

    subject: str
    body: str
    count: Count | None


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of message by one channel and in one language, and whether its words are the hospital's own."""

    kind: Kind
    channel: Channel
    locale: str
    own: bool


def list_wordings() -> Sequence[Line]:
    """Return what the hospital may word for itself, and what of it it did."""
    table = MessageTemplate
    rows = db.session.execute(sa.select(table.template, table.channel, table.locale))
    own = {tuple(row) for row in rows}
    return [
        Line(kind, channel, locale, (kind.code, channel, locale) in own)
        for kind in template_kinds.list_kinds()
        for channel in SHOWN_CHANNELS
        for locale in LOCALES
    ]


def get_wording(template: str, channel: Channel, locale: str) -> Edited:
    """Return the words that are used now; raises NotFound for what is not the hospital's to word."""
    kind = _kind(template, channel, locale)
    found = db.session.scalar(_row(template, channel, locale))
    if found is not None:
        return Edited(kind, channel, locale, found.subject, found.body, found.version)
    shipped = shipped_text(template, channel, locale)
    return Edited(kind, channel, locale, shipped.subject, shipped.body, 0)


def preview(template: str, channel: Channel, locale: str, subject: str, body: str) -> Preview:
    """Return how words would read, with invented facts and the hospital's own name; raises InvalidValue as saving."""
    kind = _kind(template, channel, locale)
    words = _checked(kind, channel, subject, body)
    facts: Mapping[str, str] = {name: fact.sample for name, fact in kind.facts.items()}
    filled = fill_in(words, {**facts, "hospital": bound_hospital().display_name})
    if channel is not Channel.SMS:
        return Preview(filled.subject, filled.body, None)
    sms = as_sms(filled, plain=wants_plain_letters())
    return Preview("", sms.body, count_sms(sms.body))


def save_wording(
    actor: Actor, template: str, channel: Channel, locale: str, *, subject: str, body: str, version: int
) -> None:
    """Use the hospital's own words from now on; raises InvalidValue with its field, StaleVersion or NotFound."""
    shown = preview(template, channel, locale, subject, body)
    if shown.count is not None and shown.count.segments > MOST_SEGMENTS:
        message = _l("With these facts it takes %(segments)s text messages; at most %(most)s are sent.",
                     segments=shown.count.segments, most=MOST_SEGMENTS)  # fmt: skip
        raise InvalidValue(message, field="body")
    row = db.session.scalar(_row(template, channel, locale).with_for_update())
    if (row.version if row else 0) != version:
        raise StaleVersion
    if row is None:
        row = MessageTemplate(id=new_id(), template=template, channel=channel, locale=locale, created_by=actor.id)
        db.session.add(row)
    row.subject, row.body, row.updated_by = subject.strip(), _tidy(body), actor.id
    db.session.flush()
    _record(actor, "message_template.change", row)


def use_shipped(actor: Actor, template: str, channel: Channel, locale: str, version: int) -> None:
    """Use the words that ship again; raises StaleVersion where somebody else was faster."""
    row = db.session.scalar(_row(template, channel, locale).with_for_update())
    if row is None or row.version != version:
        raise StaleVersion
    _record(actor, "message_template.reset", row)
    db.session.delete(row)
    db.session.flush()


def _checked(kind: Kind, channel: Channel, subject: str, body: str) -> Words:
    """Refuse words that are empty, too long, or name what a message may not state."""
    subject, body = subject.strip(), _tidy(body)
    if channel is Channel.SMS:
        subject = ""
    elif not subject:
        raise InvalidValue(_l("Enter a subject."), field="subject")
    if not body:
        raise InvalidValue(_l("Enter a text."), field="body")
    for field, text, most in (("subject", subject, LONGEST_SUBJECT), ("body", body, LONGEST_BODY)):
        if len(text) > most:
            raise InvalidValue(_l("At most %(most)s characters.", most=most), field=field)
        if any(ord(letter) < 32 and letter != "\n" for letter in text) or (field == "subject" and "\n" in text):
            raise InvalidValue(_l("There is a character that cannot be sent."), field=field)
        _check_placeholders(kind, field, text)
    missing = kind.needed - set(PLACEHOLDER.findall(subject + body))
    if missing:
        message = _l("It must say %(facts)s.", facts=", ".join("{{ " + name + " }}" for name in sorted(missing)))
        raise InvalidValue(message, field="body")
    return Words(subject, body)


def _check_placeholders(kind: Kind, field: str, text: str) -> None:
    for name in PLACEHOLDER.findall(text):
        if name not in kind.facts:
            message = _l("A message of this kind cannot say {{ %(name)s }}. Choose from the list.", name=name)
            raise InvalidValue(message, field=field)
    if BRACES.search(PLACEHOLDER.sub("", text)):
        raise InvalidValue(_l("Write each fact as {{ name }}, with a name from the list."), field=field)


def _tidy(body: str) -> str:
    return "\n".join(line.rstrip() for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()


def _kind(template: str, channel: Channel, locale: str) -> Kind:
    kind = template_kinds.find_kind(template)
    if kind is None or channel not in SHOWN_CHANNELS or locale not in LOCALES:
        raise NotFound
    return kind


def _row(template: str, channel: Channel, locale: str) -> sa.Select[MessageTemplate]:
    table = MessageTemplate
    return sa.select(table).where(table.template == template, table.channel == channel, table.locale == locale)


def _record(actor: Actor, action: str, row: MessageTemplate) -> None:
    which = {"template": row.template, "channel": row.channel.value, "locale": row.locale}
    record_change(actor, action, subject_type="message_template", subject_id=row.id, changes=which)
