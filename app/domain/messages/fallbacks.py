"""What happens when a message was given up: the patient's next channel is tried; where none is left, it can be seen."""

from __future__ import annotations

from app.core.after_commit import after_commit
from app.core.db import db
from app.core.queue import enqueue
from app.domain.appointments.models import Appointment
from app.domain.messages.addresses import find_ways
from app.domain.messages.delivery import when_given_up
from app.domain.messages.models import Channel, OutboundMessage
from app.domain.messages.operations import Draft, queue_messages
from app.domain.messages.reminders import link_facts, try_next_channel
from app.domain.messages.template_kinds import CONFIRMATION, MOVED, OFFER, REMINDER
from app.domain.patients.models import Patient
from app.domain.waiting.models import OfferState, SlotOffer
from app.domain.waiting.offer_message import draft_of
from app.tenancy.binding import bound_hospital


@when_given_up
def try_another_way(message: OutboundMessage) -> None:
    """Have the message's subject tried by the next channel of its patient."""
    if message.template == REMINDER and message.appointment_id is not None and message.reminder_rule is not None:
        try_next_channel(message.appointment_id, message.reminder_rule, message.channel)
        _wake("send_due_reminders")
        return
    if message.template not in (CONFIRMATION, MOVED, OFFER) or message.patient_id is None:
        return
    patient = db.session.get_one(Patient, message.patient_id)
    stem = message.key.removesuffix(f":{message.channel.value}")
    for channel, recipient in find_ways([patient])[patient.id].channels:
        if channel is message.channel or _is_earlier(patient, channel, message.channel):
            continue
        draft = _draft(message, patient, stem, channel, recipient)
        if draft is not None and queue_messages([draft]):
            _wake("deliver_messages")
        return


def _is_earlier(patient: Patient, channel: Channel, given_up: Channel) -> bool:
    order = [each for each, _ in find_ways([patient])[patient.id].channels]
    return given_up in order and order.index(channel) < order.index(given_up)


def _draft(message: OutboundMessage, patient: Patient, stem: str, channel: Channel, recipient: str) -> Draft | None:
    if message.template == OFFER:
        offer = db.session.get(SlotOffer, _offer_id(stem))
        return draft_of(offer, patient, channel, recipient) if offer and offer.state is OfferState.OPEN else None
    visit = db.session.get_one(Appointment, message.appointment_id)
    return Draft(
        f"{stem}:{channel.value}", message.template, channel, recipient, patient, visit, facts=link_facts(visit)
    )


def _offer_id(stem: str) -> str:
    return stem.partition(":")[2]


def _wake(job: str) -> None:
    code = bound_hospital().code
    after_commit(lambda: enqueue(job, hospital=code))
