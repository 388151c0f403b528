"""Putting messages into the ledger, once per key, and taking back what has not left yet."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.appointments.models import Appointment
from app.domain.identity.models import PatientUser
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.templates import LOCALES, render, write
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital

NOT_STANDING = "the appointment does not stand any more"


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
    hospital, locale, moment = bound_hospital(), locale or choose_locale(patient.id), clock.now()
    words = render(
        template, locale, channel=channel, hospital=hospital, appointment=appointment, patient=patient, more=facts
    )
    statement = insert(OutboundMessage).values(
        id=new_id(),
        key=key,
        channel=channel,
        template=template,
        locale=locale,
        recipient=recipient,
        patient_id=patient.id,
        appointment_id=appointment.id,
        rule=rule,
        segments=words.segments,
        subject=words.subject,
        body=words.body,
        state=MessageState.QUEUED,
        next_attempt_at=moment,
        created_at=moment,
        updated_at=moment,
        created_by=created_by,
    )
    written = db.session.execute(statement.on_conflict_do_nothing(index_elements=["key"]).returning(OutboundMessage.id))
    return written.one_or_none() is not None


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
    """Return the language a patient chose in the portal, else the hospital's."""
    chosen = db.session.scalar(sa.select(PatientUser.locale).where(PatientUser.patient_id == patient_id))
    hospital_locale = bound_hospital().locale
    return next((locale for locale in (chosen, hospital_locale) if locale in LOCALES), LOCALES[0])
