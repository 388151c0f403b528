"""A patient's own number: which it is, how many are called before it, and to which room it was called."""

from __future__ import annotations

from flask import Response

from app.core.permissions import requires
from app.domain.identity.permissions import OWN_APPOINTMENTS
from app.domain.queueing.queries import list_own_tickets
from app.patient import patient
from app.patient.own import own_patient_id
from app.tenancy.binding import needs_revision
from app.web.principals import current_actor
from app.web.render import render


@patient.get("/queue")
@requires(OWN_APPOINTMENTS)
def queue() -> Response:
    """Show one's own numbers of today; `poll=1` refreshes them without counting as use."""
    needs_revision("h014")
    tickets = list_own_tickets(current_actor(), own_patient_id())
    return render("patient/queue/show.html", block="tickets", tickets=tickets)
