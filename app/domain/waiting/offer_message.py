"""What is written to somebody whom a time is offered: when it is, until when it is held, and the link to answer by."""

from __future__ import annotations

from app.core.formats.dates import format_date
from app.domain.appointments.queries import hospital_zone
from app.domain.messages.answer_links import offer_link
from app.domain.messages.models import Channel
from app.domain.messages.operations import Draft
from app.domain.messages.template_kinds import OFFER
from app.domain.patients.models import Patient
from app.domain.waiting.models import SlotOffer
from app.tenancy.binding import bound_hospital


def draft_of(offer: SlotOffer, patient: Patient, channel: Channel, recipient: str, locale: str | None = None) -> Draft:
    """Return an offer's message by one channel; the ledger takes it once."""
    zone = hospital_zone()
    starts, ends = offer.starts_at.astimezone(zone), offer.expires_at.astimezone(zone)
    facts = {
        "hospital": bound_hospital().display_name,
        "patient": patient.full_name,
        "code": "",
        "date": format_date(starts.date()),
        "time": f"{starts:%H:%M}",
        "deadline": f"{ends:%H:%M} {format_date(ends.date())}",
        "link": offer_link(offer.id, offer.expires_at),
    }
    key = f"{OFFER}:{offer.id}:{channel.value}"
    return Draft(key, OFFER, channel, recipient, patient, locale=locale, facts=facts)
