"""Reading the ledger of messages: found by state, channel, patient and day; one in full; counts and cost by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import NotFound
from app.domain.access.fields import EMAIL, PHONE, may_read
from app.domain.audit.operations import record_access
from app.domain.messages import template_kinds
from app.domain.messages.decisions import may_be_sent_again, message_in_reach
from app.domain.messages.kept_links import hide_links
from app.domain.messages.models import Channel, MessageEvent, MessageState, OutboundMessage
from app.domain.paging import Page, offset_of
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital

PER_PAGE = 50
SHOWN_EVENTS = 50
MONTHS = 12
DOTS = "•••"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the ledger is looked for; days are instants, the later one excluded."""

    state: MessageState | None = None
    channel: Channel | None = None
    patient: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """One message with all that became of it. `body` is None where its words are nobody's to read."""

    message: OutboundMessage
    patient_code: str | None
    patient_name: str | None
    recipient: str
    subject: str
    body: str | None
    events: Sequence[MessageEvent]
    may_send_again: bool


@dataclass(frozen=True, slots=True)
class MonthRow:
    """How many messages one month had by one channel, and what they cost in đồng."""

    month: datetime
    channel: Channel
    total: int
    arrived: int
    failed: int
    unknown: int
    segments: int
    cost: int


def search_messages(actor: Actor, wanted: Wanted, page: int = 1) -> Page[Any]:
    """Return a page of the messages that fit, the newest first; whose they are is written into the access log."""
    message = OutboundMessage
    conditions = _conditions(actor, wanted)
    total = db.session.scalar(
        sa.select(sa.func.count()).select_from(message).outerjoin(Patient, Patient.id == message.patient_id)
        .where(*conditions)
    )  # fmt: skip
    query = (
        sa.select(
            *(message.id, message.created_at, message.template, message.channel, message.recipient, message.state),
            *(message.attempts, message.error, message.cost, message.segments, message.patient_id),
            Patient.code.label("patient_code"),
            Patient.full_name.label("patient_name"),
        )
        .outerjoin(Patient, Patient.id == message.patient_id)
        .where(*conditions)
        .order_by(message.created_at.desc(), message.id.desc())
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    )
    rows = db.session.execute(query).all()
    seen = [row.patient_id for row in rows if row.patient_id is not None]
    record_access(actor, "message.list", subject_type="message", subject_id=None, patient_ids=seen)
    return Page(rows, max(page, 1), PER_PAGE, total or 0)


def open_message(actor: Actor, message_id: UUID) -> Opened:
    """Return one message; raises NotFound, also where its patient is out of reach."""
    query = (
        sa.select(OutboundMessage, Patient.code, Patient.full_name)
        .outerjoin(Patient, Patient.id == OutboundMessage.patient_id)
        .where(OutboundMessage.id == message_id, message_in_reach(actor))
    )
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise NotFound
    message: OutboundMessage = found[0]
    events = db.session.scalars(
        sa.select(MessageEvent)
        .where(MessageEvent.message_id == message_id)
        .order_by(MessageEvent.at, MessageEvent.id)
        .limit(SHOWN_EVENTS)
    ).all()
    if message.patient_id is not None:
        record_access(
            actor, "message.view", subject_type="message", subject_id=message_id, patient_ids=[message.patient_id]
        )
    is_open = template_kinds.find_kind(message.template) is not None or message.template == template_kinds.TEST
    return Opened(
        message,
        found.code,
        found.full_name,
        recipient_for(actor, message.channel, message.recipient),
        hide_links(message.subject),
        hide_links(message.body) if is_open else None,
        events,
        may_be_sent_again(message),
    )


def summarise_months(months: int = MONTHS) -> Sequence[MonthRow]:
    """Return counts and cost by month and channel, the newest month first, in the hospital's own months."""
    message, zone = OutboundMessage, bound_hospital().timezone
    local = sa.func.date_trunc("month", sa.func.timezone(zone, message.created_at))
    now = clock.now().astimezone(ZoneInfo(zone))
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(first.year * 12 + first.month - 1 - (months - 1), 12)
    query = (
        sa.select(
            local.label("month"),
            message.channel,
            sa.func.count(),
            _count_of(MessageState.SENT, MessageState.DELIVERED),
            _count_of(MessageState.FAILED),
            _count_of(MessageState.UNKNOWN),
            _sum_of(message.segments),
            _sum_of(message.cost),
        )
        .where(message.created_at >= first.replace(year=year, month=month + 1), message.template != template_kinds.TEST)
        .group_by(local, message.channel)
        .order_by(local.desc(), message.channel)
    )
    return [MonthRow(*row) for row in db.session.execute(query)]


def count_unknown() -> int:
    """Return of how many messages nobody knows, which wait for a person's decision."""
    query = (
        sa.select(sa.func.count())
        .select_from(OutboundMessage)
        .where(OutboundMessage.state == MessageState.UNKNOWN, OutboundMessage.template != template_kinds.TEST)
    )
    return db.session.scalar(query) or 0


def recipient_for(actor: Actor, channel: Channel, recipient: str) -> str:
    """Return an address as far as somebody may read it."""
    field = {Channel.EMAIL: EMAIL, Channel.SMS: PHONE}.get(channel)
    if channel is Channel.PUSH:
        return ""  # the ledger's own name of an account says nothing to anybody
    return recipient if field is None or may_read(actor, field.code) else mask(recipient)


def mask(recipient: str) -> str:
    """Return an address of which somebody who looks on recognises it, and nobody else learns it."""
    name, at, domain = recipient.partition("@")
    if at:
        return f"{name[:1]}{DOTS}@{domain}"
    return f"{DOTS}{recipient[-3:]}" if recipient else ""


def _conditions(actor: Actor, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    message = OutboundMessage
    found: list[sa.ColumnElement[bool]] = [message_in_reach(actor)]
    if wanted.state is not None:
        found.append(message.state == wanted.state)
    if wanted.channel is not None:
        found.append(message.channel == wanted.channel)
    if wanted.patient:
        found.append(Patient.code == wanted.patient.upper())
    if wanted.since is not None:
        found.append(message.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(message.created_at < wanted.until)
    return found


def _count_of(*states: MessageState) -> sa.ColumnElement[int]:
    return sa.func.count().filter(OutboundMessage.state.in_(states))


def _sum_of(column: Any) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)
