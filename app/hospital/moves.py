"""Moving a visit to another time at the desk."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField

from app.core.errors import Conflict, InvalidValue, StaleVersion
from app.core.formats.dates import format_date
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.access.reach import visiting
from app.domain.appointments.errors import OwnOverlap, SlotTaken
from app.domain.appointments.moving import NotMovable, reschedule_appointment
from app.domain.appointments.queries import list_doctors, list_free_slots
from app.domain.appointments.visits import open_visit
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.patients.queries import read_patient
from app.hospital import hospital
from app.hospital.forms.visits import BookingForm
from app.hospital.times import DAYS_SHOWN, by_day, read_day, read_slot
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.versions import read_version


class MoveForm(BookingForm):
    """A free time (`doctor id|moment`) and the version of the visit that was read."""

    reason = None
    version = StringField()

    @property
    def version_number(self) -> int:
        seen = read_version(self.version.data)
        return -1 if seen is None else seen


@hospital.get("/visits/<uuid:appointment_id>/move")
@requires(BOOK_FOR_PATIENTS)
def moves_new(appointment_id: UUID) -> Response:
    """Ask for a doctor of the department and a day, and show the free times."""
    return _show(appointment_id, MoveForm(formdata=None))


@hospital.post("/visits/<uuid:appointment_id>/move")
@requires(BOOK_FOR_PATIENTS)
def moves_create(appointment_id: UUID) -> BaseResponse:
    """Move the visit to the chosen time."""
    form = MoveForm()
    chosen = read_slot(form.slot.data)
    if not form.validate_on_submit() or chosen is None:
        return _show(appointment_id, form)
    try:
        visit = reschedule_appointment(
            current_actor(), appointment_id, doctor_id=chosen[0], starts_at=chosen[1], version=form.version_number
        )
    except (InvalidValue, SlotTaken, NotMovable, StaleVersion) as error:
        form.add_error("slot", error)
    except OwnOverlap:
        form.slot.errors = [_("The patient has another visit at that time.")]
    except Conflict as error:
        form.add_error("slot", error)
    else:
        flash(_("The visit is moved. The patient is told of the new time."), "success")
        return see_other(url_for("hospital.visits_show", appointment_id=visit.id))
    return _show(appointment_id, form)


def _show(appointment_id: UUID, form: MoveForm) -> Response:
    visit = open_visit(current_actor(), appointment_id)
    doctor = request.args.get("doctor", str(visit.doctor_id))
    doctor_id = parse_id(doctor)
    day, day_error = read_day()
    slots = list_free_slots(
        department_id=visit.department_id,
        doctor_id=doctor_id,
        from_day=day,
        days=DAYS_SHOWN,
        minutes=visit.type_minutes,
    )
    form.version.data = form.version.data or str(visit.version)
    failed = bool(form.errors or form.slot.errors)
    return render(
        "hospital/visits/move.html",
        visit=visit,
        patient=read_patient(current_actor(), visit.patient_id, visiting(current_actor())).patient,
        form=form,
        doctors=list_doctors(visit.department_id),
        doctor_id=doctor_id,
        day=day,
        day_error=day_error,
        after=format_date(day + timedelta(days=DAYS_SHOWN)),
        days=by_day(slots, with_doctor=doctor_id is None),
        has_errors=failed or bool(day_error),
        status=422 if failed or day_error else 200,
    )
