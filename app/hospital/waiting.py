"""The waiting list at the desk: who waits for an earlier time, open offers, and answers given by telephone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.access.reach import visiting
from app.domain.appointments.models import BookedVia
from app.domain.appointments.queries import list_departments
from app.domain.appointments.visits import open_visit
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.patients.queries import open_patient, read_patient
from app.domain.waiting.answering import accept_offer, decline_offer
from app.domain.waiting.asking import ask_for_earlier, ask_for_visit, leave_list
from app.domain.waiting.queries import list_waiting
from app.hospital import hospital
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone, local_day
from app.web.waiting_form import NewVisitWaitingForm, WaitingForm

declare_menu("hospital.waiting_index", _l("Waiting list"), "clock", BOOK_FOR_PATIENTS, 27)

WITHIN_DAYS = 30


@hospital.get("/waiting-list")
@requires(BOOK_FOR_PATIENTS)
def waiting_index() -> Response:
    """Show who waits for an earlier time, the first to be asked first, and which offers are open."""
    page = list_waiting(current_actor(), page=request.args.get("page", 1, type=int))
    return render("hospital/waiting/index.html", page=page)


@hospital.get("/visits/<uuid:appointment_id>/earlier")
@requires(BOOK_FOR_PATIENTS)
def waiting_new(appointment_id: UUID) -> Response:
    """Ask which earlier times would do for a visit."""
    return _ask_for_visit(appointment_id, None)


@hospital.post("/visits/<uuid:appointment_id>/earlier")
@requires(BOOK_FOR_PATIENTS)
def waiting_create(appointment_id: UUID) -> BaseResponse:
    """Put the patient on the list for an earlier time."""
    form = WaitingForm()
    visit = open_visit(current_actor(), appointment_id)
    if form.validate_on_submit():
        try:
            doctor_id = visit.doctor_id if form.doctor.data == "same" else None
            ask_for_earlier(current_actor(), appointment_id, form.asked(doctor_id=doctor_id))
        except (InvalidValue, Conflict) as error:
            form.add_error("last_day", error)
        else:
            return _noted()
    return _ask_for_visit(appointment_id, form)


@hospital.get("/patients/<uuid:patient_id>/waiting-list")
@requires(BOOK_FOR_PATIENTS)
def waiting_new_visit(patient_id: UUID) -> Response:
    """Ask for which visit and which times a patient without one waits."""
    return _ask_for_patient(patient_id, None)


@hospital.post("/patients/<uuid:patient_id>/waiting-list")
@requires(BOOK_FOR_PATIENTS)
def waiting_create_visit(patient_id: UUID) -> BaseResponse:
    """Put a patient on the list for a visit that is not booked yet."""
    form = NewVisitWaitingForm()
    form.doctor.data = "any"
    department_id = parse_id(request.form.get("department", ""))
    if form.validate_on_submit() and department_id is not None:
        try:
            ask_for_visit(current_actor(), patient_id, form.asked(department_id=department_id, reason=form.reason.data))
        except (InvalidValue, Conflict) as error:
            form.add_error("last_day", error)
        else:
            return _noted()
    return _ask_for_patient(patient_id, form)


@hospital.post("/waiting-list/<uuid:entry_id>/leave")
@requires(BOOK_FOR_PATIENTS)
def waiting_leave(entry_id: UUID) -> BaseResponse:
    """Take somebody off the list."""
    leave_list(current_actor(), entry_id)
    flash(_("The patient is off the waiting list."), "success")
    return see_other(url_for("hospital.waiting_index"))


@hospital.post("/offers/<uuid:offer_id>/accept")
@requires(BOOK_FOR_PATIENTS)
def waiting_accept(offer_id: UUID) -> BaseResponse:
    """Take an offer for a patient who says so by telephone."""
    visit = accept_offer(current_actor(), offer_id, via=BookedVia.DESK)
    flash(_("Visit %(code)s is at the offered time now.", code=visit.code), "success")
    return see_other(url_for("hospital.visits_show", appointment_id=visit.id))


@hospital.post("/offers/<uuid:offer_id>/decline")
@requires(BOOK_FOR_PATIENTS)
def waiting_decline(offer_id: UUID) -> BaseResponse:
    """Leave an offer to the next, for a patient who says so by telephone."""
    decline_offer(current_actor(), offer_id)
    flash(_("The time is offered to the next person."), "success")
    return see_other(url_for("hospital.waiting_index"))


def _noted() -> BaseResponse:
    flash(_("The patient is on the waiting list."), "success")
    return see_other(url_for("hospital.waiting_index"))


def _ask_for_visit(appointment_id: UUID, form: WaitingForm | None) -> Response:
    visit = open_visit(current_actor(), appointment_id)
    failed, form = form is not None, form or WaitingForm(formdata=None)
    if not failed:
        form.show(clock.today(hospital_zone()), local_day(visit.starts_at))
    return render(
        "hospital/waiting/new.html",
        visit=visit,
        patient=read_patient(current_actor(), visit.patient_id, visiting(current_actor())).patient,
        form=form,
        departments=[],
        has_errors=failed,
        status=422 if failed else 200,
    )


def _ask_for_patient(patient_id: UUID, form: NewVisitWaitingForm | None) -> Response:
    patient = open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS)
    failed, form = form is not None, form or NewVisitWaitingForm(formdata=None)
    if not failed:
        today = clock.today(hospital_zone())
        form.show(today, today + timedelta(days=WITHIN_DAYS))
    return render(
        "hospital/waiting/new.html",
        visit=None,
        patient=patient,
        form=form,
        departments=list_departments(),
        chosen=request.form.get("department", ""),
        has_errors=failed,
        status=422 if failed else 200,
    )
