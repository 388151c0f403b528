"""The hours in which a doctor sees patients: shown, added, ended."""

from __future__ import annotations

from datetime import datetime, time
from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.appointments.hours import add_hours, end_hours, list_hours
from app.domain.identity.permissions import MANAGE_STAFF
from app.domain.identity.staff import get_staff
from app.domain.identity.staff_queries import list_bookable_departments
from app.hospital import hospital
from app.hospital.forms.staff import WEEKDAYS, HoursForm
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone


@hospital.get("/staff/<uuid:staff_id>/hours")
@requires(MANAGE_STAFF)
def staff_hours(staff_id: UUID) -> Response:
    """Show somebody's hours, and ask for further ones."""
    return _page(staff_id, HoursForm(formdata=None))


@hospital.post("/staff/<uuid:staff_id>/hours")
@requires(MANAGE_STAFF)
def staff_hours_add(staff_id: UUID) -> BaseResponse:
    """Add hours from today on."""
    form = HoursForm()
    staff = get_staff(staff_id)
    _offer(form)
    if not form.validate():
        return _page(staff_id, form, 422)
    try:
        add_hours(
            current_actor(),
            username=staff.username,
            department_code=form.department.data,
            weekdays=form.weekdays.data,
            starts=_time(form.starts.data, "starts"),
            ends=_time(form.ends.data, "ends"),
            slot_minutes=form.slot_minutes.data,
            valid_from=clock.today(hospital_zone()),
        )
    except (InvalidValue, Conflict) as error:
        form.add_error("weekdays", error)
        return _page(staff_id, form, error.status)
    flash(_("The hours are added. Patients can book them now."), "success")
    return see_other(url_for("hospital.staff_hours", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/hours/<uuid:schedule_id>/end")
@requires(MANAGE_STAFF)
def staff_hours_end(staff_id: UUID, schedule_id: UUID) -> BaseResponse:
    """End hours with today."""
    get_staff(staff_id)
    end_hours(current_actor(), staff_id, schedule_id, clock.today(hospital_zone()))
    flash(_("The hours end today. Visits that are booked stay."), "success")
    return see_other(url_for("hospital.staff_hours", staff_id=staff_id))


def _page(staff_id: UUID, form: HoursForm, status: int = 200) -> Response:
    staff = get_staff(staff_id)
    _offer(form)
    return render(
        "hospital/staff/hours.html",
        staff=staff,
        form=form,
        hours=list_hours(staff_id, clock.today(hospital_zone())),
        weekdays=WEEKDAYS,
        has_errors=status >= 400,
        status=status,
    )


def _offer(form: HoursForm) -> None:
    form.offer(list_bookable_departments())


def _time(text: str, field: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007
    except ValueError:
        raise InvalidValue(_l("Enter a time such as 07:30."), field=field) from None
