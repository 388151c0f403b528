"""Patients who have died or do not come any more: written down by the desk or the records office, and corrected."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from app.core.errors import InvalidValue
from app.core.formats.dates import parse_date
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import REGISTER_PATIENTS
from app.domain.patients.queries import open_patient
from app.domain.patients.states import (
    LONGEST_REASON,
    correct_death,
    deactivate_patient,
    reactivate_patient,
    record_death,
)
from app.hospital import hospital
from app.hospital.forms.emergency_access import VersionedForm
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.versions import read_version


class DeathForm(VersionedForm):
    """On which day a patient has died."""

    died_on = StringField(_l("Day of death"), validators=[DataRequired(_l("Enter the day of death."))])


class InactiveForm(VersionedForm):
    """Why a patient does not come any more."""

    reason = StringField(
        _l("Reason"),
        validators=[
            DataRequired(_l("Write why, in at most %(most)s characters.", most=LONGEST_REASON)),
            Length(max=LONGEST_REASON, message=_l("This text is too long.")),
        ],
    )


@hospital.get("/patients/<uuid:patient_id>/state")
@requires(REGISTER_PATIENTS)
def patient_states_show(patient_id: UUID) -> Response:
    """Show whether the patient is alive and comes here."""
    return _show(patient_id)


@hospital.post("/patients/<uuid:patient_id>/state/death")
@requires(REGISTER_PATIENTS)
def patient_states_die(patient_id: UUID) -> BaseResponse:
    """Write down that the patient has died, and cancel what was booked."""
    form = DeathForm()
    if not form.validate_on_submit():
        return _show(patient_id, death=form)
    try:
        cancelled = record_death(current_actor(), patient_id, form.version_number, parse_date(form.died_on.data))
    except InvalidValue as error:
        form.add_error("died_on", error)
        return _show(patient_id, death=form)
    said = _("Visits cancelled: %(number)s.", number=cancelled)
    flash(_("It is written down that the patient has died.") + " " + said, "success")
    return _back(patient_id)


@hospital.post("/patients/<uuid:patient_id>/state/alive")
@requires(REGISTER_PATIENTS)
def patient_states_correct(patient_id: UUID) -> BaseResponse:
    """Take back that the patient has died."""
    correct_death(current_actor(), patient_id, _version())
    flash(_("Corrected: the patient is alive. What was cancelled stays cancelled."), "success")
    return _back(patient_id)


@hospital.post("/patients/<uuid:patient_id>/state/inactive")
@requires(REGISTER_PATIENTS)
def patient_states_deactivate(patient_id: UUID) -> BaseResponse:
    """Write down that the patient does not come any more."""
    form = InactiveForm()
    if not form.validate_on_submit():
        return _show(patient_id, inactive=form)
    deactivate_patient(current_actor(), patient_id, form.version_number, form.reason.data)
    flash(_("The patient is marked as not coming any more."), "success")
    return _back(patient_id)


@hospital.post("/patients/<uuid:patient_id>/state/active")
@requires(REGISTER_PATIENTS)
def patient_states_reactivate(patient_id: UUID) -> BaseResponse:
    """Take the patient up again."""
    reactivate_patient(current_actor(), patient_id, _version())
    flash(_("The patient is taken up again."), "success")
    return _back(patient_id)


def _version() -> int:
    written = read_version(request.form.get("version"))
    return -1 if written is None else written


def _back(patient_id: UUID) -> BaseResponse:
    return see_other(url_for("hospital.patient_states_show", patient_id=patient_id))


def _show(patient_id: UUID, *, death: DeathForm | None = None, inactive: InactiveForm | None = None) -> Response:
    patient = open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS)
    failed = death is not None or inactive is not None
    fresh = {"formdata": None, "version": str(patient.version)}
    return render(
        "hospital/patient_states/show.html",
        patient=patient,
        death=death or DeathForm(**fresh),
        inactive=inactive or InactiveForm(**fresh),
        has_errors=failed,
        status=422 if failed else 200,
    )
