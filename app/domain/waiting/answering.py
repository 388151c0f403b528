"""Answering an offer: taking it books or moves the visit in one transaction, leaving it frees the time for the next.

Whoever comes by a link has not signed in: they see when the offered time is, and nothing else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.database_clock import moment, read_now
from app.core.db import db
from app.core.errors import InvalidValue, NotFound
from app.domain.access.reach import authorise
from app.domain.appointments.booking_turns import wait_for_turns
from app.domain.appointments.errors import OwnOverlap, SlotTaken
from app.domain.appointments.freeing import free_time, wake_offers
from app.domain.appointments.models import Appointment, BookedVia
from app.domain.appointments.moving import NotMovable, reschedule_appointment
from app.domain.appointments.operations import book_appointment
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.waiting.errors import OfferAnswered, OfferGone, OfferOver
from app.domain.waiting.models import FreedOutcome, OfferState, SlotOffer, WaitingEntry, WaitingState
from app.domain.waiting.offering import find_hours_with_place, settle_freed


class Offered(enum.StrEnum):
    """What can be said to an offer, or why nothing can."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    OVER = "over"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class AskedOffer:
    """An offer as somebody sees it who has not signed in; `present` is the time of the visit that would be moved."""

    id: UUID
    starts_at: datetime
    expires_at: datetime
    state: Offered
    present: datetime | None


def look_up_offer(actor: Actor, offer_id: UUID) -> AskedOffer:
    """Return the offer of a link; raises NotFound."""
    row = db.session.execute(
        sa.select(
            SlotOffer.id,
            SlotOffer.patient_id,
            SlotOffer.starts_at,
            SlotOffer.expires_at,
            SlotOffer.state,
            (SlotOffer.expires_at > moment()).label("in_time"),
            Appointment.starts_at.label("present"),
        )
        .join(WaitingEntry, WaitingEntry.id == SlotOffer.entry_id)
        .outerjoin(Appointment, Appointment.id == WaitingEntry.appointment_id)
        .where(SlotOffer.id == offer_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    record_access(actor, "offer.by_link", subject_type="slot_offer", subject_id=row.id, patient_ids=[row.patient_id])
    return AskedOffer(row.id, row.starts_at, row.expires_at, _state(row.state, row.in_time), row.present)


def accept_offer(actor: Actor, offer_id: UUID, *, via: BookedVia = BookedVia.PATIENT_PORTAL) -> Appointment:
    """Give the offered time to whom it is held for: their visit is moved there, or a new one booked.

    Raises NotFound, OfferOver past the deadline, OfferAnswered, or OfferGone where there is nothing to move any more.
    """
    entry, visit = _wait_in_line(offer_id)
    actor = authorise(actor, entry.patient_id, BOOK_FOR_PATIENTS)
    offer = _hold_open(offer_id)
    offer.state, offer.answered_at, offer.updated_by = OfferState.ACCEPTED, clock.now(), actor.id
    db.session.flush()  # it holds its time no more, and nobody else is let in before this transaction ends
    try:
        visit = _place(actor, offer, entry, visit, via)
    except (NotMovable, SlotTaken, OwnOverlap, InvalidValue, NotFound) as error:
        raise OfferGone from error
    offer.appointment_id = visit.id
    entry.state, entry.ended_at, entry.updated_by = WaitingState.PLACED, clock.now(), actor.id
    db.session.flush()
    settle_freed(offer.freed_slot_id, FreedOutcome.ACCEPTED)
    if find_hours_with_place(offer) is not None:  # of several places at one time the next is offered in its turn
        free_time(offer.doctor_id, offer.department_id, offer.starts_at, offer.ends_at)
    _record(actor, "waiting.accept", offer)
    return visit


def decline_offer(actor: Actor, offer_id: UUID) -> None:
    """Leave the offered time to the next; who declines goes on waiting for others. Raises as accept_offer does."""
    patient_id = db.session.scalar(sa.select(SlotOffer.patient_id).where(SlotOffer.id == offer_id))
    if patient_id is None:
        raise NotFound
    actor = authorise(actor, patient_id, BOOK_FOR_PATIENTS)
    offer = _hold_open(offer_id, may_be=OfferState.DECLINED)
    if offer.state is OfferState.DECLINED:
        return
    offer.state, offer.answered_at, offer.updated_by = OfferState.DECLINED, clock.now(), actor.id
    db.session.flush()
    _record(actor, "waiting.decline", offer)
    wake_offers()


def _place(
    actor: Actor, offer: SlotOffer, entry: WaitingEntry, visit: Appointment | None, via: BookedVia
) -> Appointment:
    if visit is not None:
        return reschedule_appointment(
            actor,
            visit.id,
            doctor_id=offer.doctor_id,
            starts_at=offer.starts_at,
            version=visit.version,
            patient_id=offer.patient_id,
            held=True,
        )
    return book_appointment(
        actor,
        patient_id=offer.patient_id,
        doctor_id=offer.doctor_id,
        department_id=offer.department_id,
        starts_at=offer.starts_at,
        reason=entry.reason or "",
        via=via,
        held=True,
    )


def _wait_in_line(offer_id: UUID) -> tuple[WaitingEntry, Appointment | None]:
    """Take the turns that booking takes, before any row is locked, and return who waits, with the visit they have."""
    row = db.session.execute(
        sa.select(SlotOffer.doctor_id, SlotOffer.patient_id, SlotOffer.entry_id, Appointment.doctor_id.label("present"))
        .join(WaitingEntry, WaitingEntry.id == SlotOffer.entry_id)
        .outerjoin(Appointment, Appointment.id == WaitingEntry.appointment_id)
        .where(SlotOffer.id == offer_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    wait_for_turns({row.doctor_id, row.present} - {None}, row.patient_id)
    entry = db.session.get_one(WaitingEntry, row.entry_id, with_for_update=True, populate_existing=True)
    if entry.appointment_id is None:
        return entry, None
    return entry, db.session.get_one(Appointment, entry.appointment_id, populate_existing=True)


def _hold_open(offer_id: UUID, may_be: OfferState | None = None) -> SlotOffer:
    query = sa.select(SlotOffer).where(SlotOffer.id == offer_id).with_for_update()
    offer = db.session.scalars(query.execution_options(populate_existing=True)).one()
    if offer.state is may_be:
        return offer
    if offer.state in (OfferState.ACCEPTED, OfferState.DECLINED):
        raise OfferAnswered
    if offer.state is OfferState.WITHDRAWN:
        raise OfferGone
    if offer.state is OfferState.EXPIRED or offer.expires_at <= read_now(SlotOffer):
        raise OfferOver
    return offer


def _state(state: OfferState, in_time: bool) -> Offered:
    if state is OfferState.OPEN:
        return Offered.OPEN if in_time else Offered.OVER
    return {
        OfferState.ACCEPTED: Offered.ACCEPTED,
        OfferState.DECLINED: Offered.DECLINED,
        OfferState.EXPIRED: Offered.OVER,
        OfferState.WITHDRAWN: Offered.GONE,
    }[state]


def _record(actor: Actor, action: str, offer: SlotOffer) -> None:
    record_change(
        actor,
        action,
        subject_type="slot_offer",
        subject_id=offer.id,
        patient_id=offer.patient_id,
        changes={"starts_at": offer.starts_at.isoformat()},
    )
