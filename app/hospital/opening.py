"""Settings of the hospital: when it is open, and its holidays."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_ORGANISATION
from app.domain.organisation.opening import (
    OpeningHours,
    add_fixed_holidays,
    add_holidays,
    change_opening_hours,
    list_holidays,
    read_opening_hours,
    remove_holiday,
)
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.schedules import HolidayForm, OpeningForm, read_date, read_time
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone
from app.web.versions import read_version

declare_administration(
    "hospital.opening_index",
    _l("Opening hours and holidays"),
    _l("When the hospital is open, and on which days nothing is booked"),
    MANAGE_ORGANISATION,
    34,
)


@hospital.get("/opening-hours")
@requires(MANAGE_ORGANISATION)
def opening_index() -> Response:
    """Show opening hours and holidays."""
    return _show()


@hospital.post("/opening-hours")
@requires(MANAGE_ORGANISATION)
def opening_update() -> BaseResponse:
    """Change the opening hours."""
    form = OpeningForm()
    if form.validate_on_submit():
        try:
            opens, closes = read_time(form.opens.data, "opens"), read_time(form.closes.data, "closes")
            seen = read_version(form.version.data)
            version = -1 if seen is None else seen
            change_opening_hours(current_actor(), OpeningHours(frozenset(form.weekdays.data), opens, closes, version))
        except (InvalidValue, Conflict) as error:
            form.add_error("opens", error)
            return _show(opening=form, status=error.status)
        flash(_("Saved."), "success")
        return see_other(url_for("hospital.opening_index"))
    return _show(opening=form, status=422)


@hospital.post("/holidays")
@requires(MANAGE_ORGANISATION)
def opening_close() -> BaseResponse:
    """Close the hospital on a day or a stretch of days."""
    form = HolidayForm()
    if form.validate_on_submit():
        today = clock.today(hospital_zone())
        try:
            first = read_date(form.first.data, "first") or today
            last = read_date(form.last.data, "last") or first
            _new, visits = add_holidays(current_actor(), first, last, form.name.data, today=today)
        except InvalidValue as error:
            form.add_error("first", error)
        else:
            flash(_("The hospital is closed then: nothing can be booked."), "success")
            if visits:
                flash(
                    _("Visits booked then: %(count)s. They stay until somebody moves or cancels them.", count=visits),
                    "warning",
                )
            return see_other(url_for("hospital.opening_index"))
    return _show(holiday=form, status=422)


@hospital.post("/holidays/fixed")
@requires(MANAGE_ORGANISATION)
def opening_close_fixed() -> BaseResponse:
    """Close the hospital on the public holidays whose date is the same each year."""
    new = add_fixed_holidays(current_actor(), clock.today(hospital_zone()))
    flash(_("Holidays added: %(count)s", count=new), "success")
    return see_other(url_for("hospital.opening_index"))


@hospital.post("/holidays/<uuid:holiday_id>/remove")
@requires(MANAGE_ORGANISATION)
def opening_open(holiday_id: UUID) -> BaseResponse:
    """Open the hospital on a day again."""
    remove_holiday(current_actor(), holiday_id)
    flash(_("The day can be booked again."), "success")
    return see_other(url_for("hospital.opening_index"))


def _show(*, opening: OpeningForm | None = None, holiday: HolidayForm | None = None, status: int = 200) -> Response:
    if opening is None:
        hours = read_opening_hours()
        shown: dict[str, Any] = {
            "weekdays": sorted(hours.weekdays),
            "opens": f"{hours.opens:%H:%M}",
            "closes": f"{hours.closes:%H:%M}",
            "version": str(hours.version),
        }
        opening = OpeningForm(formdata=None, data=shown)
    return render(
        "hospital/opening/index.html",
        opening=opening,
        holiday=holiday or HolidayForm(formdata=None),
        holidays=list_holidays(clock.today(hospital_zone())),
        has_errors=status >= 400,
        status=status,
    )
