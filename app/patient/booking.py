"""Booking a visit, one question a page: department, doctor, time, reason, check.

Each answer stands in the address, so that going back, reloading and sending the link to oneself all work. The reason
alone does not: addresses are written into logs and histories, and why somebody sees a doctor is nobody's business. It
waits in the browser's signed cookie until the visit is booked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Response, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue, NotFound, VienError
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.appointments.errors import NoSuchSlot, OwnOverlap, PastSlot, SlotTaken
from app.domain.appointments.models import BookedVia
from app.domain.appointments.operations import book_appointment
from app.domain.appointments.queries import (
    FreeSlot,
    find_alternatives,
    get_department,
    get_free_slot,
    list_departments,
    list_doctors,
)
from app.domain.appointments.rules import LONGEST_REASON
from app.domain.identity.permissions import OWN_APPOINTMENTS
from app.patient import patient
from app.patient.forms.booking import BookingForm, ReasonForm, SlotForm
from app.patient.free_times import ANY, earliest_by_doctor, format_slot, parse_slot, read_window
from app.patient.own import own_patient_id
from app.web.principals import current_actor
from app.web.render import render, see_other

STEPS = 5
KEY = "booking_reason"
NOT_TO_BE_HAD = (SlotTaken, PastSlot, NoSuchSlot, OwnOverlap)


@dataclass(frozen=True, slots=True)
class Answers:
    """What has been answered before the last two questions."""

    department: Any
    slot: FreeSlot

    @property
    def address(self) -> dict[str, Any]:
        """The answers as they stand in the address."""
        return {
            "department": str(self.department.id),
            "doctor": str(self.slot.doctor_id),
            "slot": format_slot(self.slot.start),
        }


@patient.get("/appointments/new")
@requires(OWN_APPOINTMENTS)
def appointments_new() -> Response:
    """Step 1: which department."""
    return render("patient/booking/department.html", departments=list_departments(), total=STEPS)


@patient.get("/appointments/new/doctor")
@requires(OWN_APPOINTMENTS)
def appointments_new_doctor() -> Response:
    """Step 2: which doctor, or whoever is free first."""
    department = get_department(_id("department"))
    return render(
        "patient/booking/doctor.html",
        department=department,
        doctors=list_doctors(department.id),
        earliest=earliest_by_doctor(department.id),
        any_doctor=ANY,
        total=STEPS,
    )


@patient.get("/appointments/new/time")
@requires(OWN_APPOINTMENTS)
def appointments_new_time() -> BaseResponse:
    """Step 3: which day and time. The form comes back here, so that an answer that is missing can be asked for."""
    department = get_department(_id("department"))
    doctor = request.args.get("doctor", "")
    doctor_id = None if doctor == ANY else _id("doctor")
    window = read_window(department.id, doctor_id, request.args)
    form = SlotForm(request.args) if "continue" in request.args else SlotForm(slot=request.args.get("slot"))
    if "continue" in request.args:
        chosen = window.find(form.slot.data)
        if chosen is not None:
            answers = Answers(department, chosen)
            return see_other(url_for("patient.appointments_new_reason", **answers.address))
        form.slot.errors = [window.words_for_no_choice(form.slot.data)]
    return render(
        "patient/booking/time.html",
        department=department,
        doctor=doctor,
        form=form,
        window=window,
        total=STEPS,
        has_errors=bool(form.errors or window.fault),
        status=422 if form.errors or window.fault else 200,
    )


@patient.route("/appointments/new/reason", methods=["GET", "POST"])
@requires(OWN_APPOINTMENTS)
def appointments_new_reason() -> BaseResponse:
    """Step 4: why."""
    department = get_department(_id("department"))
    try:
        answers = _read_answers(department)
    except NOT_TO_BE_HAD as error:
        return _offer_others(error, department)
    form = ReasonForm(reason=session.get(KEY, ""))
    if form.validate_on_submit():
        session[KEY] = form.reason.data
        return see_other(url_for("patient.appointments_new_check", **answers.address))
    return _ask_for_reason(answers, form)


@patient.get("/appointments/new/check")
@requires(OWN_APPOINTMENTS)
def appointments_new_check() -> BaseResponse:
    """Step 5: all answers once more, each with a way back to it."""
    department = get_department(_id("department"))
    try:
        answers = _read_answers(department)
    except NOT_TO_BE_HAD as error:
        return _offer_others(error, department)
    reason = session.get(KEY)
    if not reason:
        return see_other(url_for("patient.appointments_new_reason", **answers.address))
    form = BookingForm(formdata=None, data={**answers.address, "reason": reason})
    return render("patient/booking/check.html", answers=answers, reason=reason, form=form, total=STEPS)


@patient.post("/appointments")
@requires(OWN_APPOINTMENTS)
def appointments_create() -> BaseResponse:
    """Book what was checked; where the time is gone, offer others and keep the reason."""
    department = get_department(_id("department"))
    reason = request.form.get("reason", "")
    session[KEY] = reason[:LONGEST_REASON]
    try:
        starts_at = _slot()
        appointment = book_appointment(
            current_actor(),
            patient_id=own_patient_id(),
            doctor_id=_id("doctor"),
            department_id=department.id,
            starts_at=starts_at,
            reason=reason,
            via=BookedVia.PATIENT_PORTAL,
        )
    except NOT_TO_BE_HAD as error:
        return _offer_others(error, department)
    except InvalidValue as error:
        form = ReasonForm(formdata=None, reason=reason)
        form.add_error("reason", error)
        return _ask_for_reason(_read_answers(department), form)
    session.pop(KEY, None)
    return see_other(url_for("patient.appointments_booked", appointment_id=appointment.id))


def _read_answers(department: Any) -> Answers:
    slot = get_free_slot(
        patient_id=own_patient_id(), department_id=department.id, doctor_id=_id("doctor"), starts_at=_slot()
    )
    return Answers(department, slot)


def _ask_for_reason(answers: Answers, form: ReasonForm) -> Response:
    return render(
        "patient/booking/reason.html",
        answers=answers,
        form=form,
        total=STEPS,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _offer_others(error: VienError, department: Any) -> Response:
    """Say why a time cannot be had, and show the nearest ones that can."""
    if isinstance(error, SlotTaken):
        others = error.alternatives
    else:
        wanted = parse_slot(request.values.get("slot"))
        others = find_alternatives(_id("doctor"), department.id, wanted) if wanted else ()
    return render(
        "patient/booking/unavailable.html",
        status=error.status,
        error=error,
        department=department,
        others=[(other, Answers(department, other).address) for other in others],
        own=error if isinstance(error, OwnOverlap) else None,
        reason=session.get(KEY),
    )


def _slot() -> Any:
    starts_at = parse_slot(request.values.get("slot"))
    if starts_at is None:
        raise NoSuchSlot(field="slot")
    return starts_at


def _id(name: str) -> UUID:
    found = parse_id(request.values.get(name, ""))
    if found is None:
        raise NotFound
    return found
