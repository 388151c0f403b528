"""The plan of the day and the week as a table: who is seen when, where there is a place; and for whom it is booked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue
from app.core.formats.dates import format_date, parse_date
from app.core.i18n import _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.appointments.grid import FreePlace, read_grid
from app.domain.appointments.queries import list_departments, list_doctors
from app.domain.identity.permissions import BOOK_FOR_PATIENTS, VIEW_APPOINTMENTS
from app.domain.patients.finding import search_patients
from app.domain.patients.queries import PatientRow, open_patient
from app.hospital import hospital
from app.hospital.times import read_slot
from app.web.menu import declare_menu
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other
from app.web.templates import hospital_zone, local_day

declare_menu("hospital.schedule_index", _l("Schedule of visits"), "calendar-days", VIEW_APPOINTMENTS, 12)

WEEK = 7


@hospital.get("/schedule")
@requires(VIEW_APPOINTMENTS)
def schedule_index() -> Response:
    """Show the plan of a day of a department's doctors, or of a week of one doctor."""
    this_day = clock.today(hospital_zone())
    day, day_error = _read_day(this_day)
    departments = list_departments()
    doctor_id = parse_id(request.args.get("doctor", ""))
    department_id = _department(departments) if doctor_id is None or request.args.get("department") else None
    is_week = request.args.get("view") == "week" and doctor_id is not None
    first = day - timedelta(days=day.weekday()) if is_week else day
    days = [first + timedelta(days=number) for number in range(WEEK if is_week else 1)]
    return render(
        "hospital/schedule/index.html",
        grid=read_grid(current_actor(), days, department_id=department_id, doctor_id=doctor_id),
        departments=departments,
        doctors=list_doctors(department_id) if department_id else [],
        department_id=department_id,
        doctor_id=doctor_id,
        is_week=is_week,
        wants_week=request.args.get("view") == "week",
        day=day,
        day_error=day_error,
        typed=request.args.get("day", ""),
        this_day=this_day,
        steps=_steps(day, WEEK if is_week else 1),
        patient=_find_patient(),
        address=_address,
        book_at=_book_at,
        has_errors=bool(day_error),
        status=422 if day_error else 200,
    )


@hospital.get("/schedule/book")
@requires(BOOK_FOR_PATIENTS)
def schedule_book() -> BaseResponse:
    """Ask for whom a free time of the plan is booked; an address without a time leads back to the plan."""
    chosen = read_slot(request.args.get("slot"))
    department_id = parse_id(request.args.get("department", ""))
    if chosen is None or department_id is None:
        return see_other(url_for("hospital.schedule_index"))
    text = request.args.get("q", "").strip()
    return render(
        "hospital/schedule/book.html",
        starts_at=chosen[1],
        doctor=next((row for row in list_doctors(department_id) if row.id == chosen[0]), None),
        carried={"slot": request.args["slot"], "department": department_id},
        text=text,
        found=search_patients(current_actor(), text) if text else None,
        booking=lambda patient_id: _booking(patient_id, department_id, chosen[0], local_day(chosen[1])),
    )


def _booking(patient_id: UUID, department_id: UUID, doctor_id: UUID, day: date) -> str:
    return url_for(
        "hospital.visits_new",
        patient_id=patient_id,
        department=department_id,
        doctor=doctor_id,
        day=format_date(day),
        slot=request.args.get("slot"),
    )


def _book_at(place: FreePlace, doctor_id: UUID) -> str:
    """Return where a free place of the plan is booked: for the patient whom the page is about, or whom one looks up."""
    slot = f"{doctor_id}|{place.start.isoformat()}"
    patient_id = parse_id(request.args.get("patient", ""))
    if patient_id is None:
        return url_for("hospital.schedule_book", slot=slot, department=place.department_id)
    return url_for(
        "hospital.visits_new",
        patient_id=patient_id,
        department=place.department_id,
        doctor=doctor_id,
        day=format_date(local_day(place.start)),
        slot=slot,
    )


def _address(**changes: Any) -> str:
    """Return the address of the plan with some of its questions answered otherwise."""
    asked = {name: request.args.get(name) for name in ("view", "department", "doctor", "day", "patient")}
    return url_for("hospital.schedule_index", **(asked | changes))


def _steps(day: date, days: int) -> dict[str, str]:
    return {
        "before": format_date(day - timedelta(days=days)),
        "after": format_date(day + timedelta(days=days)),
    }


def _find_patient() -> PatientRow | None:
    """Return the patient for whom a time is looked for, if the page is about one and the person books."""
    patient_id = parse_id(request.args.get("patient", ""))
    if patient_id is None or not current_actor().may(BOOK_FOR_PATIENTS.code):
        return None
    return open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS)


def _department(departments: Any) -> UUID | None:
    """Return the department that was asked for, else the person's own, else the first one."""
    asked = parse_id(request.args.get("department", ""))
    known = [row.id for row in departments]
    person = find_principal()
    own = person.signed_in.department_id if person is not None else None
    return next((each for each in (asked, own, *known) if each in known), None)


def _read_day(this_day: date) -> tuple[date, str | None]:
    typed = request.args.get("day", "").strip()
    try:
        return (parse_date(typed) if typed else this_day), None
    except InvalidValue as error:
        return this_day, str(error)
