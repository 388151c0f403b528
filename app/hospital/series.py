"""Series of visits at the desk: asked for, booked as far as wanted, and the rest of one called off."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue
from app.core.formats.dates import format_datetime
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.appointments.series import Refused, Series, SeriesDoesNotFit, book_series, cancel_rest
from app.domain.appointments.visits import open_visit
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.patients.queries import open_patient
from app.hospital import hospital
from app.hospital.forms.visits import SeriesForm
from app.hospital.forms.vitals import ReasonForm
from app.hospital.times import read_slot, read_times
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone


@hospital.get("/patients/<uuid:patient_id>/series/new")
@requires(BOOK_FOR_PATIENTS)
def series_new(patient_id: UUID) -> Response:
    """Ask for department, doctor and first day; then for the first time, how many visits and how far apart."""
    return _show(patient_id, SeriesForm(formdata=None))


@hospital.post("/patients/<uuid:patient_id>/series")
@requires(BOOK_FOR_PATIENTS)
def series_create(patient_id: UUID) -> BaseResponse:
    """Book the series: all of it, or the visits that fit."""
    form = SeriesForm()
    department_id, chosen = parse_id(request.args.get("department", "")), read_slot(form.slot.data)
    if not form.validate_on_submit() or department_id is None or chosen is None:
        return _show(patient_id, form, 422)
    try:
        series = book_series(
            current_actor(),
            patient_id=patient_id,
            doctor_id=chosen[0],
            department_id=department_id,
            first=chosen[1],
            count=form.count.data,
            every_weeks=form.every_weeks.data,
            reason=form.reason.data,
            type_id=parse_id(request.args.get("type", "")),
            only_fitting=form.fitting.data == "fitting",
        )
    except SeriesDoesNotFit as error:
        form.add_error("slot", error)
        return _show(patient_id, form, error.status, error.refused)
    except (InvalidValue, Conflict) as error:
        form.add_error("slot", error)
        return _show(patient_id, form, error.status)
    _tell(series)
    return see_other(url_for("hospital.visits_show", appointment_id=series.booked[0].id))


@hospital.post("/visits/<uuid:appointment_id>/series/cancel")
@requires(BOOK_FOR_PATIENTS)
def series_cancel(appointment_id: UUID) -> BaseResponse:
    """Cancel a visit of a series and all that come after it."""
    form = ReasonForm()
    open_visit(current_actor(), appointment_id)
    if not form.validate_on_submit():
        flash(_("Write why the visits are cancelled."), "alert")
    else:
        count = cancel_rest(current_actor(), appointment_id, form.reason.data)
        flash(_("Visits cancelled: %(count)s", count=count), "success")
    return see_other(url_for("hospital.visits_show", appointment_id=appointment_id))


def _tell(series: Series) -> None:
    flash(_("Visits booked: %(count)s", count=len(series.booked)), "success")
    if series.refused:
        zone = hospital_zone()
        missing = "; ".join(format_datetime(each.starts_at, zone) for each in series.refused)
        flash(_("Not booked, because the time is not free: %(times)s", times=missing), "warning")


def _show(patient_id: UUID, form: SeriesForm, status: int = 200, refused: tuple[Refused, ...] = ()) -> Response:
    times = read_times()
    status = 422 if times.day_error and status == 200 else status
    return render(
        "hospital/series/new.html",
        patient=open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS),
        form=form,
        times=times,
        refused=refused,
        has_errors=status >= 400,
        status=status,
    )
