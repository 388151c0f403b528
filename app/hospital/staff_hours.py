"""The hours in which a doctor sees patients: shown, added, ended; when a doctor is away; and whose hours there are."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.appointments.absences import add_absence, list_absences, list_scheduled_doctors, remove_absence
from app.domain.appointments.hours import add_hours, end_hours, list_hours
from app.domain.identity.permissions import MANAGE_SCHEDULES
from app.domain.identity.staff import get_staff
from app.domain.identity.staff_queries import list_bookable_departments
from app.domain.organisation.catalogues import list_choices
from app.domain.organisation.models import Room
from app.domain.organisation.opening import read_opening_hours
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.schedules import AbsenceForm, HoursForm, read_date, read_time
from app.hospital.forms.staff import WEEKDAYS
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone

declare_administration(
    "hospital.schedules_index",
    _l("Doctors' hours and absences"),
    _l("When each doctor sees patients, in which room, and when they are away"),
    MANAGE_SCHEDULES,
    35,
)


@hospital.get("/staff/<uuid:staff_id>/hours")
@requires(MANAGE_SCHEDULES)
def staff_hours(staff_id: UUID) -> Response:
    """Show somebody's hours, and ask for further ones."""
    return _page(staff_id)


@hospital.post("/staff/<uuid:staff_id>/hours")
@requires(MANAGE_SCHEDULES)
def staff_hours_add(staff_id: UUID) -> BaseResponse:
    """Add hours from today on."""
    form = HoursForm()
    staff = get_staff(staff_id)
    _offer(form)
    if not form.validate():
        return _page(staff_id, form, 422)
    try:
        first = read_date(form.valid_from.data, "valid_from") or clock.today(hospital_zone())
        add_hours(
            current_actor(),
            username=staff.username,
            department_code=form.department.data,
            weekdays=form.weekdays.data,
            starts=read_time(form.starts.data, "starts"),
            ends=read_time(form.ends.data, "ends"),
            slot_minutes=form.slot_minutes.data,
            valid_from=first,
            valid_until=read_date(form.valid_until.data, "valid_until"),
            room_id=parse_id(form.room.data or ""),
            capacity=form.capacity.data,
            overbook_max=form.overbook_max.data,
        )
    except (InvalidValue, Conflict) as error:
        form.add_error("weekdays", error)
        return _page(staff_id, form, error.status)
    flash(_("The hours are added. Patients can book them now."), "success")
    return see_other(url_for("hospital.staff_hours", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/hours/<uuid:schedule_id>/end")
@requires(MANAGE_SCHEDULES)
def staff_hours_end(staff_id: UUID, schedule_id: UUID) -> BaseResponse:
    """End hours with today."""
    get_staff(staff_id)
    if end_hours(current_actor(), staff_id, schedule_id, clock.today(hospital_zone())):
        flash(_("The hours end today. Visits that are booked stay."), "success")
    else:
        flash(_("These hours had ended already."), "info")
    return see_other(url_for("hospital.staff_hours", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/absences")
@requires(MANAGE_SCHEDULES)
def staff_hours_add_absence(staff_id: UUID) -> BaseResponse:
    """Note that somebody is not there for a while."""
    form = AbsenceForm()
    get_staff(staff_id)
    if not form.validate():
        return _page(staff_id, absence=form, status=422)
    try:
        starts_at, ends_at = form.times()
        visits = add_absence(current_actor(), staff_id, starts_at, ends_at, form.why.data)
    except (InvalidValue, Conflict) as error:
        form.add_error("first", error)
        return _page(staff_id, absence=form, status=error.status)
    flash(_("Noted. Nothing can be booked in this time."), "success")
    if visits:
        flash(
            _("Visits booked then: %(count)s. They stay until somebody moves or cancels them.", count=visits), "warning"
        )
    return see_other(url_for("hospital.staff_hours", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/absences/<uuid:absence_id>/remove")
@requires(MANAGE_SCHEDULES)
def staff_hours_remove_absence(staff_id: UUID, absence_id: UUID) -> BaseResponse:
    """Take an absence back."""
    remove_absence(current_actor(), staff_id, absence_id)
    flash(_("The time can be booked again."), "success")
    return see_other(url_for("hospital.staff_hours", staff_id=staff_id))


@hospital.get("/schedules")
@requires(MANAGE_SCHEDULES)
def schedules_index() -> Response:
    """List who sees patients, and who has no hours yet."""
    return render("hospital/schedules/index.html", doctors=list_scheduled_doctors(clock.today(hospital_zone())))


def _page(
    staff_id: UUID, form: HoursForm | None = None, status: int = 200, *, absence: AbsenceForm | None = None
) -> Response:
    opening = read_opening_hours()
    return render(
        "hospital/staff/hours.html",
        staff=get_staff(staff_id),
        form=_offer(form or HoursForm(formdata=None)),
        absence=absence or AbsenceForm(formdata=None),
        hours=list_hours(staff_id, clock.today(hospital_zone())),
        absences=list_absences(staff_id, clock.now()),
        opening=opening,
        weekdays=WEEKDAYS,
        has_errors=status >= 400,
        status=status,
    )


def _offer(form: HoursForm) -> HoursForm:
    return form.offer(list_bookable_departments(), list_choices(Room))
