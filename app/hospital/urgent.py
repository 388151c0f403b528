"""Who comes without a visit: walk-ins, who get a free time of today, and emergencies, who are seen at once."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.appointments.absences import list_scheduled_doctors
from app.domain.appointments.models import Appointment
from app.domain.appointments.queries import list_departments
from app.domain.appointments.rooms import change_room
from app.domain.appointments.urgent import receive_emergency, receive_walk_in
from app.domain.identity.permissions import BOOK_FOR_PATIENTS, CHECK_IN, OVERBOOK
from app.domain.patients.queries import open_patient
from app.domain.queueing.queries import find_ticket
from app.domain.queueing.rules import ticket_code
from app.hospital import hospital
from app.hospital.forms.visits import BookingForm, EmergencyForm
from app.hospital.times import read_slot, read_times
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone


@hospital.get("/patients/<uuid:patient_id>/walk-in")
@requires(BOOK_FOR_PATIENTS, CHECK_IN)
def urgent_new(patient_id: UUID) -> Response:
    """Show the free times of today for who stands at the desk."""
    return _show_walk_in(patient_id, BookingForm(formdata=None))


@hospital.post("/patients/<uuid:patient_id>/walk-in")
@requires(BOOK_FOR_PATIENTS, CHECK_IN)
def urgent_create(patient_id: UUID) -> BaseResponse:
    """Book the chosen time of today and check the patient in."""
    return _receive(patient_id, beyond=False)


@hospital.post("/patients/<uuid:patient_id>/walk-in/beyond")
@requires(BOOK_FOR_PATIENTS, CHECK_IN, OVERBOOK)
def urgent_create_beyond(patient_id: UUID) -> BaseResponse:
    """Do the same where the patient is squeezed in beyond a slot's capacity."""
    return _receive(patient_id, beyond=True)


@hospital.get("/patients/<uuid:patient_id>/emergency")
@requires(BOOK_FOR_PATIENTS, CHECK_IN)
def urgent_emergency(patient_id: UUID) -> Response:
    """Ask where and by whom somebody is seen at once."""
    return _show_emergency(patient_id, EmergencyForm(formdata=None))


@hospital.post("/patients/<uuid:patient_id>/emergency")
@requires(BOOK_FOR_PATIENTS, CHECK_IN)
def urgent_receive(patient_id: UUID) -> BaseResponse:
    """Let the patient be seen at once, whatever the doctor's hours hold."""
    form = _offer(EmergencyForm())
    if not form.validate_on_submit():
        return _show_emergency(patient_id, form, 422)
    try:
        visit = receive_emergency(
            current_actor(),
            patient_id=patient_id,
            doctor_id=UUID(form.doctor.data),
            department_id=UUID(form.department.data),
            reason=form.reason.data,
        )
    except (InvalidValue, Conflict) as error:
        form.add_error("doctor", error)
        return _show_emergency(patient_id, form, error.status)
    return _here(visit)


@hospital.post("/visits/<uuid:appointment_id>/room")
@requires(CHECK_IN)
def urgent_room(appointment_id: UUID) -> BaseResponse:
    """Have a visit in another room than the doctor's hours say."""
    version = request.form.get("version", 0, type=int)
    change_room(current_actor(), appointment_id, parse_id(request.form.get("room", "")), version)
    flash(_("Saved."), "success")
    return see_other(url_for("hospital.visits_show", appointment_id=appointment_id))


def _receive(patient_id: UUID, *, beyond: bool) -> BaseResponse:
    form = BookingForm()
    department_id, chosen = parse_id(request.args.get("department", "")), read_slot(form.slot.data)
    if not form.validate_on_submit() or department_id is None or chosen is None:
        return _show_walk_in(patient_id, form, 422)
    try:
        visit = receive_walk_in(
            current_actor(),
            patient_id=patient_id,
            doctor_id=chosen[0],
            department_id=department_id,
            starts_at=chosen[1],
            reason=form.reason.data,
            type_id=parse_id(request.args.get("type", "")),
            beyond=beyond,
        )
    except (InvalidValue, Conflict) as error:
        form.add_error("slot", error)
        return _show_walk_in(patient_id, form, error.status)
    return _here(visit)


def _here(visit: Appointment) -> BaseResponse:
    ticket = find_ticket(visit.id)
    code = ticket_code(ticket.department_code, ticket.number) if ticket else visit.code
    flash(_("Checked in. The patient's number is %(code)s.", code=code), "success")
    return see_other(url_for("hospital.visits_show", appointment_id=visit.id))


def _show_walk_in(patient_id: UUID, form: BookingForm, status: int = 200) -> Response:
    return render(
        "hospital/urgent/walk_in.html",
        patient=open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS),
        form=form,
        times=read_times(only_today=True),
        has_errors=status >= 400,
        status=status,
    )


def _show_emergency(patient_id: UUID, form: EmergencyForm, status: int = 200) -> Response:
    return render(
        "hospital/urgent/emergency.html",
        patient=open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS),
        form=_offer(form),
        has_errors=status >= 400,
        status=status,
    )


def _offer(form: EmergencyForm) -> EmergencyForm:
    ask = SelectChoice("", _("Choose"))
    form.department.choices = [ask, *(SelectChoice(str(row.id), row.name) for row in list_departments())]
    doctors = list_scheduled_doctors(clock.today(hospital_zone()))
    form.doctor.choices = [ask, *(SelectChoice(str(row.id), row.full_name) for row in doctors if row.stretches)]
    return form
