"""Numbers for those of the demo's patients who have come today, as the desk would have given them."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.appointments.worklist import day_bounds
from app.domain.queueing.models import TicketState
from app.domain.queueing.tickets import make_ticket, today

CALLED_BEFORE = timedelta(minutes=2)


def write_tickets(actor: Actor) -> None:
    """Give numbers in the order of arrival; who is with the doctor, or was, has been called."""
    begins, ends = day_bounds(today())
    came = sa.select(Appointment).where(
        Appointment.starts_at >= begins, Appointment.starts_at < ends, Appointment.arrived_at.is_not(None)
    )
    for visit in db.session.scalars(came.order_by(Appointment.arrived_at)).all():
        ticket = make_ticket(actor, visit)
        ticket.queued_at = visit.arrived_at or ticket.queued_at
        if visit.status is not AppointmentStatus.ARRIVED and visit.started_at is not None:
            ticket.state, ticket.room, ticket.calls = TicketState.DONE, "Phòng 1", 1
            ticket.called_at, ticket.closed_at = visit.started_at - CALLED_BEFORE, visit.started_at
            ticket.called_by = visit.doctor_id
    db.session.flush()
