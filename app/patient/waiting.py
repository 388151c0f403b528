"""Waiting for an earlier time: asking for one, seeing what is offered, leaving the list."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.appointments.own_visits import get_own_appointment
from app.domain.appointments.rules import is_cancellable
from app.domain.identity.permissions import OWN_APPOINTMENTS
from app.domain.messages.answer_links import offer_link
from app.domain.waiting.asking import ask_for_earlier, leave_list
from app.domain.waiting.queries import list_own_waits, waits_for_earlier
from app.patient import patient
from app.patient.own import own_patient_id
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone, local_day
from app.web.waiting_form import WEEKDAYS, WaitingForm


@patient.get("/waiting-list")
@requires(OWN_APPOINTMENTS)
def waiting_index() -> Response:
    """Show for which earlier times the patient waits, and what is offered."""
    rows = list_own_waits(current_actor(), own_patient_id())
    links = {row.offer_id: offer_link(row.offer_id, row.expires_at) for row in rows if row.offer_id}
    said = {row.id: ", ".join(str(WEEKDAYS[day]) for day in row.weekdays) for row in rows}
    return render("patient/waiting/index.html", rows=rows, links=links, said_days=said)


@patient.get("/appointments/<uuid:appointment_id>/earlier")
@requires(OWN_APPOINTMENTS)
def waiting_new(appointment_id: UUID) -> Response:
    """Ask which earlier times would do."""
    return _ask(appointment_id, None)


@patient.post("/appointments/<uuid:appointment_id>/earlier")
@requires(OWN_APPOINTMENTS)
def waiting_create(appointment_id: UUID) -> BaseResponse:
    """Put the patient on the list."""
    form = WaitingForm()
    visit = get_own_appointment(current_actor(), own_patient_id(), appointment_id)
    if form.validate_on_submit():
        try:
            doctor_id = visit.doctor_id if form.doctor.data == "same" else None
            asked = form.asked(doctor_id=doctor_id)
            ask_for_earlier(current_actor(), appointment_id, asked, patient_id=own_patient_id())
        except (InvalidValue, Conflict) as error:
            form.add_error("last_day", error)
        else:
            flash(_("You are on the waiting list. We write to you when a time becomes free."), "success")
            return see_other(url_for("patient.waiting_index"))
    return _ask(appointment_id, form)


@patient.post("/waiting-list/<uuid:entry_id>/leave")
@requires(OWN_APPOINTMENTS)
def waiting_leave(entry_id: UUID) -> BaseResponse:
    """Leave the list."""
    leave_list(current_actor(), entry_id, patient_id=own_patient_id())
    flash(_("You are off the waiting list. Your visit stays as it is."), "success")
    return see_other(url_for("patient.waiting_index"))


def _ask(appointment_id: UUID, form: WaitingForm | None) -> Response:
    visit = get_own_appointment(current_actor(), own_patient_id(), appointment_id)
    failed, form = form is not None, form or WaitingForm(formdata=None)
    if not failed:
        form.show(clock.today(hospital_zone()), local_day(visit.starts_at))
    return render(
        "patient/waiting/new.html",
        visit=visit,
        form=form,
        waits=waits_for_earlier(visit.id),
        possible=is_cancellable(visit.status, visit.starts_at, now=clock.now()),
        has_errors=failed,
        status=422 if failed else 200,
    )
