"""A patient's first page: what comes next."""

from __future__ import annotations

from flask import Response

from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.appointments.own_visits import get_overview
from app.domain.identity.permissions import OWN_RECORD
from app.domain.queueing.queries import list_own_tickets
from app.patient import patient
from app.patient.own import own_patient_id
from app.tenancy.binding import has_revision
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.qr import qr_image
from app.web.render import render

declare_menu("patient.home", _l("Home"), "house", OWN_RECORD, 10)


@patient.get("/home")
@requires(OWN_RECORD)
def home() -> Response:
    """Show the next visit, what to do, and the latest results."""
    overview = get_overview(current_actor(), own_patient_id())
    qr = qr_image(overview.next.code) if overview.next else None
    tickets = list_own_tickets(current_actor(), own_patient_id()) if has_revision("h014") else []
    return render("patient/home/index.html", overview=overview, qr=qr, tickets=tickets)
