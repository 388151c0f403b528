"""Today: each role's own worklist. What comes first is what this person has to do next."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from flask import redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField

from app.core import clock
from app.core.errors import InvalidValue
from app.core.formats.dates import format_date, parse_date
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.appointments.models import AppointmentStatus
from app.domain.appointments.worklist import Order, Worklist, list_worklist
from app.domain.identity.permissions import BOOK_FOR_PATIENTS, CHECK_IN, RECORD_VITALS, VIEW_APPOINTMENTS, WRITE_RECORDS
from app.domain.messages.unreached import count_unreached
from app.hospital import hospital
from app.hospital.laboratory import works_in_laboratory
from app.web.forms import Form
from app.web.menu import declare_menu
from app.web.principals import Principal, current_actor, find_principal
from app.web.render import render
from app.web.templates import hospital_zone

declare_menu("hospital.today", _l("Today"), "list-checks", VIEW_APPOINTMENTS, 10)

STATES: dict[str, frozenset[AppointmentStatus]] = {
    "expected": frozenset({AppointmentStatus.BOOKED}),
    "waiting": frozenset({AppointmentStatus.ARRIVED}),
    "seen": frozenset({AppointmentStatus.IN_PROGRESS}),
    "done": frozenset({AppointmentStatus.COMPLETED}),
    "off": frozenset({AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW}),
}


class View(StrEnum):
    """Whose worklist it is."""

    DOCTOR = "doctor"
    NURSE = "nurse"
    DESK = "desk"
    ALL = "all"


ORDERS = {View.DOCTOR: Order.NEXT_PATIENT, View.NURSE: Order.VITALS_TO_TAKE}


class DayForm(Form):
    """The day to show, typed as day/month/year."""

    day = StringField(_l("Day"))


@hospital.get("/today")
@requires(VIEW_APPOINTMENTS)
def today() -> BaseResponse:
    """Show what this person has to do next; `poll=1` refreshes the list without counting as use.

    In the laboratory that is the laboratory's worklist; a day of visits is shown there where it is asked for.
    """
    person = find_principal()
    assert person is not None
    view = _view_of(person)
    if view is View.ALL and works_in_laboratory(person) and "day" not in request.args:
        return redirect(url_for("hospital.laboratory_index"))
    form = DayForm(request.args, meta={"csrf": False})
    this_day = clock.today(hospital_zone())
    day = _read_day(form, this_day)
    state = request.args.get("state", "")
    worklist = _list(person, view, day, STATES.get(state, frozenset()))
    return render(
        "hospital/today/index.html",
        block="worklist" if request.args.get("poll") == "1" else "content",
        status=422 if form.errors else 200,
        form=form,
        view=view.value,
        state=state if state in STATES else "",
        worklist=worklist,
        is_today=day == this_day,
        days={"before": format_date(day - timedelta(days=1)), "after": format_date(day + timedelta(days=1))},
        state_counts={name: sum(worklist.counts[s] for s in statuses) for name, statuses in STATES.items()},
        live_key=_live_key(person, view),
        next_up=_next_up(worklist, view) if day == this_day and not state else None,
        unreached=count_unreached(current_actor()) if _calls_patients(person) else 0,
        has_errors=bool(form.errors),
    )


def _calls_patients(person: Principal) -> bool:
    """Tell whether it is this person's work to call whom no message reached; not asked for when a page only polls."""
    return person.may(BOOK_FOR_PATIENTS.code) and request.args.get("poll") != "1"


def _list(person: Principal, view: View, day: date, statuses: frozenset[AppointmentStatus]) -> Worklist:
    return list_worklist(
        current_actor(),
        day,
        doctor_id=person.id if view is View.DOCTOR else None,
        department_id=person.signed_in.department_id if view is View.NURSE else None,
        statuses=statuses,
        order=ORDERS.get(view, Order.ARRIVALS),
        page=request.args.get("page", 1, type=int),
    )


def _live_key(person: Principal, view: View) -> str:
    """Return whose changes concern this worklist: a doctor's own, a department's, or everybody's."""
    key = {View.DOCTOR: person.id, View.NURSE: person.signed_in.department_id}.get(view)
    return str(key or "")


def _view_of(person: Principal) -> View:
    if person.may(WRITE_RECORDS.code):
        return View.DOCTOR
    if person.may(CHECK_IN.code):
        return View.DESK
    return View.NURSE if person.may(RECORD_VITALS.code) else View.ALL


def _next_up(worklist: Worklist, view: View) -> object | None:
    """Return the row that is this person's next work, when the first page begins with one."""
    first = worklist.page.items[0] if worklist.page.items and worklist.page.page == 1 else None
    if first is None:
        return None
    if view is View.DOCTOR:
        ready = first.status in (AppointmentStatus.IN_PROGRESS, AppointmentStatus.ARRIVED)
    else:
        ready = view is View.NURSE and first.status is AppointmentStatus.ARRIVED and not first.has_vitals
    return first if ready else None


def _read_day(form: DayForm, this_day: date) -> date:
    if not form.day.data:
        form.day.data = format_date(this_day)
        return this_day
    try:
        day = parse_date(form.day.data)
    except InvalidValue as error:
        form.add_error("day", error)
        return this_day
    form.day.data = format_date(day)
    return day
