"""Moving one's own visit to another time, and saying that one will come."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import IntegerField
from wtforms.validators import InputRequired

from app.core import clock
from app.core.errors import InvalidValue, VienError
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.appointments.answering import confirm_visit
from app.domain.appointments.errors import OwnOverlap, SlotTaken
from app.domain.appointments.models import ConfirmedVia
from app.domain.appointments.moving import reschedule_appointment
from app.domain.appointments.own_visits import get_own_appointment
from app.domain.appointments.rules import is_cancellable
from app.domain.identity.permissions import OWN_APPOINTMENTS
from app.patient import patient
from app.patient.forms.booking import SlotForm
from app.patient.free_times import ANY, read_window
from app.patient.own import own_patient_id
from app.web.forms import Form
from app.web.principals import current_actor
from app.web.render import render, see_other


class MoveForm(SlotForm):
    """A free time, and the version of the visit that was read."""

    version = IntegerField(validators=[InputRequired()])

    class Meta(Form.Meta):
        csrf = True


@patient.post("/appointments/<uuid:appointment_id>/confirm")
@requires(OWN_APPOINTMENTS)
def moves_confirm(appointment_id: UUID) -> BaseResponse:
    """Note that the patient will come."""
    confirm_visit(current_actor(), appointment_id, ConfirmedVia.PORTAL, patient_id=own_patient_id())
    flash(_("Thank you. The hospital expects you."), "success")
    return see_other(url_for("patient.appointments_show", appointment_id=appointment_id))


@patient.get("/appointments/<uuid:appointment_id>/move")
@requires(OWN_APPOINTMENTS)
def moves_new(appointment_id: UUID) -> Response:
    """Show the free times to which a visit could move."""
    return _show(appointment_id, None)


@patient.post("/appointments/<uuid:appointment_id>/move")
@requires(OWN_APPOINTMENTS)
def moves_create(appointment_id: UUID) -> BaseResponse:
    """Move the visit to the chosen time."""
    form = MoveForm()
    visit = get_own_appointment(current_actor(), own_patient_id(), appointment_id)
    chosen = read_window(visit.department_id, _doctor(visit), request.args, visit.type_minutes).find(form.slot.data)
    if not form.validate_on_submit() or chosen is None:
        return _show(appointment_id, form)
    try:
        reschedule_appointment(
            current_actor(),
            appointment_id,
            doctor_id=chosen.doctor_id,
            starts_at=chosen.start,
            version=form.version.data,
            patient_id=own_patient_id(),
        )
    except (SlotTaken, OwnOverlap, InvalidValue) as error:
        return _show(appointment_id, form, error)
    flash(_("Your visit has been moved. The earlier time is free for somebody else now."), "success")
    return see_other(url_for("patient.appointments_show", appointment_id=appointment_id))


def _show(appointment_id: UUID, form: MoveForm | None, error: VienError | None = None) -> Response:
    visit = get_own_appointment(current_actor(), own_patient_id(), appointment_id)
    doctor_id = _doctor(visit)
    window = read_window(visit.department_id, doctor_id, request.args, visit.type_minutes)
    failed = form is not None or window.fault is not None
    shown = form or MoveForm(formdata=None, version=visit.version)
    if form is not None:
        shown.slot.errors = [error.message if error else window.words_for_no_choice(form.slot.data)]
    return render(
        "patient/appointments/move.html",
        visit=visit,
        form=shown,
        window=window,
        doctor=str(doctor_id) if doctor_id else ANY,
        movable=is_cancellable(visit.status, visit.starts_at, now=clock.now()),
        has_errors=failed,
        status=422 if failed else 200,
    )


def _doctor(visit: object) -> UUID | None:
    """Return the visit's doctor, or None where the patient looks for any doctor of the department."""
    own: UUID = visit.doctor_id  # type: ignore[attr-defined]
    return None if request.args.get("doctor") == ANY else own
