"""Visits at the desk: one visit with what can be done with it, checking in, cancelling, who did not come, booking."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.access.reach import visiting
from app.domain.appointments.answering import confirm_visit
from app.domain.appointments.errors import OwnOverlap, SlotTaken
from app.domain.appointments.models import AppointmentStatus, BookedVia, ConfirmedVia, VisitKind
from app.domain.appointments.operations import book_appointment, cancel_appointment
from app.domain.appointments.rooms import list_rooms
from app.domain.appointments.series import list_series
from app.domain.appointments.visits import check_in, find_visit_of, mark_no_show, open_visit
from app.domain.identity.permissions import BOOK_FOR_PATIENTS, CHECK_IN, VIEW_APPOINTMENTS
from app.domain.patients.queries import PatientRow, open_patient, read_patient
from app.domain.queueing.queries import find_ticket
from app.domain.queueing.rules import read_priority, ticket_code
from app.hospital import hospital
from app.hospital.forms.visits import BookingForm
from app.hospital.forms.vitals import ReasonForm
from app.hospital.times import read_slot, read_times
from app.tenancy.binding import has_revision
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.sign_in import safe_target
from app.web.templates import hospital_zone, local_day


@hospital.get("/visits/<uuid:appointment_id>")
@requires(VIEW_APPOINTMENTS)
def visits_show(appointment_id: UUID) -> Response:
    """Show a visit and what can be done with it."""
    return _show(appointment_id, ReasonForm())


@hospital.post("/visits/<uuid:appointment_id>/check-in")
@requires(CHECK_IN)
def visits_check_in(appointment_id: UUID) -> BaseResponse:
    """Note that the patient has arrived and give out a number; pressed twice it says so and harms nothing."""
    if check_in(current_actor(), appointment_id, _version(), read_priority(request.form.get("priority", ""))):
        flash(_checked_in(appointment_id), "success")
    else:
        flash(_("This patient had been checked in already."), "info")
    return see_other(safe_target(request.form.get("next")) or url_for("hospital.today"))


@hospital.post("/visits/<uuid:appointment_id>/no-show")
@requires(CHECK_IN)
def visits_no_show(appointment_id: UUID) -> BaseResponse:
    """Note that the patient did not come."""
    mark_no_show(current_actor(), appointment_id, _version())
    flash(_("Marked as not having come. The time is free again."), "success")
    return see_other(url_for("hospital.visits_show", appointment_id=appointment_id))


@hospital.post("/visits/<uuid:appointment_id>/cancel")
@requires(BOOK_FOR_PATIENTS)
def visits_cancel(appointment_id: UUID) -> BaseResponse:
    """Cancel a visit with a reason."""
    form = ReasonForm()
    if not form.validate_on_submit():
        return _show(appointment_id, form)
    cancel_appointment(current_actor(), appointment_id, form.reason.data, form.version_number)
    flash(_("The visit is cancelled. The time is free again."), "success")
    return see_other(url_for("hospital.visits_show", appointment_id=appointment_id))


@hospital.post("/visits/<uuid:appointment_id>/confirm")
@requires(BOOK_FOR_PATIENTS)
def visits_confirm(appointment_id: UUID) -> BaseResponse:
    """Note that the patient said they will come."""
    if confirm_visit(current_actor(), appointment_id, ConfirmedVia.DESK):
        flash(_("Noted: the patient will come."), "success")
    else:
        flash(_("This was noted already."), "info")
    return see_other(url_for("hospital.visits_show", appointment_id=appointment_id))


@hospital.get("/free-times")
@requires(BOOK_FOR_PATIENTS)
def visits_free() -> Response:
    """Show the free times of a department for whoever asks at the desk or on the telephone."""
    return _show_times("hospital/visits/free.html")


@hospital.get("/patients/<uuid:patient_id>/visits/new")
@requires(BOOK_FOR_PATIENTS)
def visits_new(patient_id: UUID) -> Response:
    """Ask for department, doctor and day; then show the free times."""
    return _show_booking(open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS), BookingForm())


@hospital.post("/patients/<uuid:patient_id>/visits")
@requires(BOOK_FOR_PATIENTS)
def visits_create(patient_id: UUID) -> BaseResponse:
    """Book the chosen time for the patient."""
    form = BookingForm()
    department_id, chosen = parse_id(request.args.get("department", "")), read_slot(form.slot.data)
    if not form.validate_on_submit() or department_id is None or chosen is None:
        return _show_booking(open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS), form, failed=True)
    try:
        visit = book_appointment(
            current_actor(),
            patient_id=patient_id,
            doctor_id=chosen[0],
            department_id=department_id,
            starts_at=chosen[1],
            reason=form.reason.data,
            via=BookedVia.DESK,
            type_id=parse_id(request.args.get("type", "")),
            beyond=request.args.get("beyond") == "1",
            kind=VisitKind.FOLLOW_UP if _follows() else VisitKind.PLANNED,
            follows_id=find_visit_of(patient_id, _follows()),
        )
    except (InvalidValue, SlotTaken) as error:
        form.add_error("slot", error)
    except OwnOverlap:
        form.slot.errors = [_("The patient has another visit at that time.")]
    else:
        flash(_("Visit %(code)s is booked.", code=visit.code), "success")
        return see_other(url_for("hospital.visits_show", appointment_id=visit.id))
    return _show_booking(open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS), form, failed=True)


def _show(appointment_id: UUID, form: ReasonForm) -> Response:
    visit = open_visit(current_actor(), appointment_id)
    form.version.data = str(visit.version)
    booked = visit.status is AppointmentStatus.BOOKED
    person = current_actor()
    return render(
        "hospital/visits/show.html",
        visit=visit,
        ticket=find_ticket(appointment_id) if visit.arrived_at and has_revision("h014") else None,
        code_of=ticket_code,
        patient=read_patient(current_actor(), visit.patient_id, visiting(current_actor())).patient,
        form=form,
        series=list_series(person, visit.id, visit.patient_id, visit.series_id) if visit.series_id else [],
        rooms=list_rooms() if booked and person.may(CHECK_IN.code) else [],
        is_today=local_day(visit.starts_at) == clock.today(hospital_zone()),
        may_cancel=booked and visit.starts_at > clock.now(),
        may_miss=booked and visit.starts_at <= clock.now(),
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_booking(patient: PatientRow, form: BookingForm, *, failed: bool = False) -> Response:
    """Show the questions in a GET form, and below them the free times in a POST form."""
    form.slot.data = form.slot.data or request.args.get("slot")
    return _show_times("hospital/visits/new.html", failed=failed, patient=patient, form=form, follows=_follows())


def _show_times(template: str, *, failed: bool = False, **context: Any) -> Response:
    times = read_times()
    return render(
        template,
        **context,
        times=times,
        has_errors=failed or bool(times.day_error),
        status=422 if failed or times.day_error else 200,
    )


def _follows() -> UUID | None:
    """Return the visit after which the patient comes again, where the page is about such a one."""
    return parse_id(request.args.get("follows", ""))


def _checked_in(appointment_id: UUID) -> str:
    ticket = find_ticket(appointment_id) if has_revision("h014") else None
    if ticket is None:
        return _("Checked in. The patient is now waiting.")
    code = ticket_code(ticket.department_code, ticket.number)
    return _("Checked in. The patient's number is %(code)s.", code=code)


def _version() -> int:
    return request.form.get("version", 0, type=int)
