"""Putting messages into the ledger, once per key, and taking back what has not left yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.appointments.models import Appointment
from app.domain.identity.models import PatientUser
from app.domain.messages.kept_links import keep_links
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.reminding import MessagePreference
from app.domain.messages.templates import LOCALES, Wording, facts_of_visit, write
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital

# What differs from message to message, as columns of one statement that never changes: a list of rows would have to be
# put together and compiled anew for each number of them, which took longer than everything else.
_WRITTEN: dict[str, Any] = {
    "id": sa.Uuid(),
    "key": sa.Text(),
    "channel": sa.Text(),
    "template": sa.Text(),
    "locale": sa.Text(),
    "recipient": sa.Text(),
    "patient_id": sa.Uuid(),
    "appointment_id": sa.Uuid(),
    "reminder_rule": sa.Text(),
    "segments": sa.Integer(),
    "subject": sa.Text(),
    "body": sa.Text(),
}
_MOMENT = sa.bindparam("moment", type_=sa.DateTime(timezone=True))
_LEDGER = cast(sa.Table, OutboundMessage.__table__)
_WRITE = (
    insert(_LEDGER)
    .from_select(
        [*_WRITTEN, "state", "next_attempt_at", "created_at", "updated_at", "created_by"],
        sa.select(
            *(sa.func.unnest(sa.bindparam(name, type_=ARRAY(kind))) for name, kind in _WRITTEN.items()),
            sa.bindparam("queued", type_=sa.Text()),
            _MOMENT,
            _MOMENT,
            _MOMENT,
            sa.bindparam("by", type_=sa.Uuid()),
        ),
    )
    .on_conflict_do_nothing(index_elements=["key"])
    .returning(_LEDGER.c.key)
)
NOT_STANDING = "the appointment does not stand any more"


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be written into the ledger. `rule` is the rule of reminders that it follows.

    Without an appointment it is about the patient alone, and its facts are all that it can state.
    """

    key: str
    template: str
    channel: Channel
    recipient: str
    patient: Patient
    appointment: Appointment | None = None
    rule: str | None = None
    locale: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def queue_messages(drafts: Sequence[Draft], *, created_by: UUID | None = None) -> set[str]:
    """Write messages into the ledger in one statement, once per key; return the keys that were not there yet."""
    if not drafts:
        return set()
    hospital, moment, wording = bound_hospital(), clock.now(), Wording()
    rows: dict[str, list[Any]] = {name: [] for name in _WRITTEN}
    for draft in drafts:
        locale = draft.locale if draft.locale in LOCALES else choose_locale(draft.patient.id)
        known = facts_of_visit(hospital, draft.appointment, draft.patient) if draft.appointment else {}
        facts = known | dict(draft.facts)
        words = wording.render(draft.template, locale, draft.channel, facts)
        rows["id"].append(new_id())
        rows["key"].append(draft.key)
        rows["channel"].append(draft.channel.value)
        rows["template"].append(draft.template)
        rows["locale"].append(locale)
        rows["recipient"].append(draft.recipient)
        rows["patient_id"].append(draft.patient.id)
        rows["appointment_id"].append(draft.appointment.id if draft.appointment else None)
        rows["reminder_rule"].append(draft.rule)
        rows["segments"].append(words.segments)
        rows["subject"].append(keep_links(words.subject, facts))
        rows["body"].append(keep_links(words.body, facts))
    once = {"moment": moment, "by": created_by, "queued": MessageState.QUEUED.value}
    written = db.session.execute(_WRITE, rows | once, bind_arguments={"mapper": OutboundMessage})
    return set(written.scalars())


def queue_message(
    key: str,
    template: str,
    *,
    channel: Channel,
    recipient: str,
    appointment: Appointment,
    patient: Patient,
    created_by: UUID | None = None,
    rule: str | None = None,
    locale: str | None = None,
    facts: Mapping[str, str] | None = None,
) -> bool:
    """Write a message into the ledger; False when one with this key is there already.

    `facts` are those that the template takes beside the appointment's own, such as a link to answer by. `rule` is the
    rule of reminders that it follows, by which whoever hears of its failure knows what failed.
    """
    draft = Draft(key, template, channel, recipient, patient, appointment, rule, locale, facts or {})
    return bool(queue_messages([draft], created_by=created_by))


def queue_letter(
    key: str,
    template: str,
    *,
    recipient: str,
    locale: str,
    facts: Mapping[str, str],
    created_by: UUID | None = None,
    patient_id: UUID | None = None,
) -> None:
    """Write an e-mail into the ledger that is about no appointment; once per key."""
    locale = locale if locale in LOCALES else LOCALES[0]
    words, moment = write(template, locale, facts), clock.now()
    statement = insert(OutboundMessage).values(
        id=new_id(),
        key=key,
        channel=Channel.EMAIL,
        template=template,
        locale=locale,
        recipient=recipient,
        patient_id=patient_id,
        subject=words.subject,
        body=words.body,
        state=MessageState.QUEUED,
        next_attempt_at=moment,
        created_at=moment,
        updated_at=moment,
        created_by=created_by,
    )
    db.session.execute(statement.on_conflict_do_nothing(index_elements=["key"]))


def withdraw_messages(appointment_id: UUID) -> None:
    """Take back what was to be sent about an appointment and has not left."""
    message = OutboundMessage
    db.session.execute(
        sa.update(message)
        .where(message.appointment_id == appointment_id, message.state == MessageState.QUEUED)
        .values(state=MessageState.FAILED, error=NOT_STANDING, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def choose_locale(patient_id: UUID) -> str:
    """Return the language a patient wants messages in, else the one chosen in the portal, else the hospital's."""
    wanted = sa.select(MessagePreference.locale).where(MessagePreference.patient_id == patient_id).scalar_subquery()
    chosen = sa.select(PatientUser.locale).where(PatientUser.patient_id == patient_id).scalar_subquery()
    row = db.session.execute(sa.select(wanted, chosen)).one()
    return next((locale for locale in (*row, bound_hospital().locale) if locale in LOCALES), LOCALES[0])
