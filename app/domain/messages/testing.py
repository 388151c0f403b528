"""A message by which a hospital tries a channel: to an address that somebody types, about nobody, and so marked."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Conflict, InvalidValue
from app.core.formats.dates import format_date
from app.core.formats.phones import can_receive_sms, parse_phone
from app.core.i18n import _l
from app.core.ids import new_id
from app.core.queue import enqueue
from app.domain.audit.operations import record_change
from app.domain.messages.addresses import BadAddress, check_address
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.template_kinds import TEST
from app.domain.messages.templates import LOCALES, Wording
from app.domain.messages.ways import available_channels
from app.tenancy.binding import bound_hospital

TRIED_CHANNELS = (Channel.EMAIL, Channel.SMS)
MOST_AN_HOUR = 10
HOUR = timedelta(hours=1)


class TooManyTests(Conflict):
    title = _l("There were many test messages just now")
    default_message = _l("A hospital sends at most ten test messages an hour.")
    remedy = _l("Look at those that were sent in the ledger, or wait.")


def send_test(actor: Actor, channel: Channel, to: str, locale: str) -> OutboundMessage:
    """Write a test message into the ledger; raises InvalidValue with its field, or TooManyTests."""
    recipient = _read_recipient(channel, to)
    if channel not in available_channels():
        raise InvalidValue(_l("This channel is not set up."), field="to")
    _hold_turn()
    hospital, now = bound_hospital(), clock.now()
    local = now.astimezone(ZoneInfo(hospital.timezone))
    facts = {"hospital": hospital.display_name, "date": format_date(local.date()), "time": f"{local:%H:%M}"}
    locale = locale if locale in LOCALES else LOCALES[0]
    words, message_id = Wording().render(TEST, locale, channel, facts), new_id()
    message = OutboundMessage(
        id=message_id,
        key=f"{TEST}:{message_id}",
        channel=channel,
        template=TEST,
        locale=locale,
        recipient=recipient,
        subject=words.subject,
        body=words.body,
        segments=words.segments,
        state=MessageState.QUEUED,
        next_attempt_at=now,
        created_by=actor.id,
    )
    db.session.add(message)
    db.session.flush()
    changes = {"channel": channel.value}
    record_change(actor, "message.test", subject_type="message", subject_id=message_id, changes=changes)
    code = hospital.code
    after_commit(lambda: enqueue("deliver_messages", hospital=code))
    return message


def _hold_turn() -> None:
    """Let one at a time count, so that those who ask together are not more than may be."""
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("test messages", 0))
    db.session.execute(sa.select(lock), bind_arguments={"mapper": OutboundMessage})
    lately = sa.select(sa.func.count()).select_from(OutboundMessage)
    lately = lately.where(OutboundMessage.created_at > clock.now() - HOUR, OutboundMessage.template == TEST)
    if (db.session.scalar(lately) or 0) >= MOST_AN_HOUR:
        raise TooManyTests


def _read_recipient(channel: Channel, to: str) -> str:
    if channel is Channel.SMS:
        try:
            number = parse_phone(to)
        except InvalidValue as error:
            raise InvalidValue(error.message, field="to") from None
        if not can_receive_sms(number):
            raise InvalidValue(_l("Text messages do not reach this number."), field="to")
        return number
    try:
        return check_address(to)
    except BadAddress:
        raise InvalidValue(_l("Enter an e-mail address, such as ten@example.vn."), field="to") from None
