"""A patient's visits: the list, one of them, its calendar file, and cancelling."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, make_response, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.appointments.operations import cancel_appointment
from app.domain.appointments.own_visits import get_own_appointment, list_coming_visits
from app.domain.appointments.rules import is_cancellable
from app.domain.identity.permissions import OWN_APPOINTMENTS
from app.domain.records.own_visit import get_own_visit
from app.patient import patient
from app.patient.calendar import calendar_file
from app.patient.forms.booking import CancelForm
from app.patient.own import own_patient_id
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.qr import qr_image
from app.web.render import render, see_other

declare_menu("patient.appointments_index", _l("Visits"), "calendar-days", OWN_APPOINTMENTS, 20)


@patient.get("/appointments")
@requires(OWN_APPOINTMENTS)
def appointments_index() -> Response:
    """List the visits to come."""
    visits = list_coming_visits(current_actor(), own_patient_id())
    return render("patient/appointments/index.html", visits=visits)


@patient.get("/appointments/<uuid:appointment_id>")
@requires(OWN_APPOINTMENTS)
def appointments_show(appointment_id: UUID) -> Response:
    """Show one visit: when and where, and afterwards what the doctor found and prescribed."""
    visit = get_own_visit(current_actor(), own_patient_id(), appointment_id)
    booked = is_cancellable(visit.appointment.status, visit.appointment.starts_at, now=clock.now())
    qr = qr_image(visit.appointment.code) if booked else None
    return render("patient/appointments/show.html", visit=visit.appointment, record=visit.record, booked=booked, qr=qr)


@patient.get("/appointments/<uuid:appointment_id>/booked")
@requires(OWN_APPOINTMENTS)
def appointments_booked(appointment_id: UUID) -> Response:
    """Confirm a booking: the code, the calendar file, and what to bring."""
    visit = get_own_appointment(current_actor(), own_patient_id(), appointment_id)
    return render("patient/appointments/booked.html", visit=visit)


@patient.get("/appointments/<uuid:appointment_id>/calendar.ics")
@requires(OWN_APPOINTMENTS)
def appointments_calendar(appointment_id: UUID) -> Response:
    """Give the visit as a file for the phone's calendar."""
    visit = get_own_appointment(current_actor(), own_patient_id(), appointment_id)
    response = make_response(calendar_file(visit))
    response.headers["Content-Type"] = "text/calendar; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{visit.code}.ics"'
    return response


@patient.route("/appointments/<uuid:appointment_id>/cancel", methods=["GET", "POST"])
@requires(OWN_APPOINTMENTS)
def appointments_cancel(appointment_id: UUID) -> BaseResponse:
    """Ask once more, then cancel a visit."""
    visit = get_own_appointment(current_actor(), own_patient_id(), appointment_id)
    form = CancelForm(version=visit.version)
    if form.validate_on_submit():
        try:
            cancel_appointment(
                current_actor(), visit.id, form.reason.data, form.version.data, patient_id=own_patient_id()
            )
        except Conflict as error:
            return render("patient/appointments/refused.html", status=error.status, error=error, visit=visit)
        flash(_("Your visit has been cancelled. The time is free for somebody else now."), "success")
        return see_other(url_for("patient.appointments_show", appointment_id=visit.id))
    cancellable = is_cancellable(visit.status, visit.starts_at, now=clock.now())
    return render(
        "patient/appointments/cancel.html",
        form=form,
        visit=visit,
        cancellable=cancellable,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )
