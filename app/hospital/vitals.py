"""Vital signs of a patient: measured, listed, and voided where they are wrong."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.appointments.visits import VisitNotFound, find_todays_visit
from app.domain.identity.permissions import RECORD_VITALS, VIEW_RECORDS
from app.domain.patients.queries import PatientRow, open_patient
from app.domain.records.vitals import get_vitals, list_vitals, record_vitals, void_vitals
from app.hospital import hospital
from app.hospital.forms.vitals import ReasonForm, VitalsForm
from app.hospital.vitals_plots import plots_of
from app.hospital.vitals_table import tabulate, unusual
from app.web.principals import current_actor
from app.web.render import render, see_other

SHOWN_IN_TREND = 5
SHOWN_IN_LIST = 50


@hospital.get("/patients/<uuid:patient_id>/vitals")
@requires(VIEW_RECORDS)
def vitals_index(patient_id: UUID) -> Response:
    """Show a patient's measurements, the voided ones with their reason."""
    patient = open_patient(current_actor(), patient_id, "vitals.view", VIEW_RECORDS)
    measurements = list_vitals(patient_id, SHOWN_IN_LIST, with_voided=True)
    valid = [each for each in measurements if each.voided_at is None]
    return render(
        "hospital/vitals/index.html",
        patient=patient,
        measurements=measurements,
        vitals=tabulate(patient, valid).latest(SHOWN_IN_TREND),
        plots=plots_of(patient, valid),
        unusual_of={each.id: unusual(patient, [each]) for each in measurements},
    )


@hospital.get("/patients/<uuid:patient_id>/vitals/new")
@requires(RECORD_VITALS)
def vitals_new(patient_id: UUID) -> Response:
    """Ask for a measurement; the visit of today that waits for it is found by itself."""
    patient = open_patient(current_actor(), patient_id, "vitals.view", RECORD_VITALS)
    visit_id = find_todays_visit(patient_id)
    return _show_form(VitalsForm(appointment=str(visit_id or "")), patient)


@hospital.post("/patients/<uuid:patient_id>/vitals")
@requires(RECORD_VITALS)
def vitals_create(patient_id: UUID) -> BaseResponse:
    """Write a measurement down; the page that follows says what of it is unusual."""
    form = VitalsForm()
    patient = open_patient(current_actor(), patient_id, "vitals.view", RECORD_VITALS)
    values = form.read() if form.validate_on_submit() else None
    if values is None:
        return _show_form(form, patient)
    try:
        record_vitals(
            current_actor(),
            patient_id=patient_id,
            appointment_id=_visit_of(form, patient_id),
            values=values,
            observed=form.observed,
            note=form.note.data,
        )
    except InvalidValue as error:
        form.add_error("temperature_c", error)
        return _show_form(form, patient)
    flash(_("The vital signs of %(name)s are saved.", name=patient.full_name), "success")
    return see_other(url_for("hospital.vitals_index", patient_id=patient_id))


@hospital.get("/vitals/<uuid:vitals_id>/void")
@requires(RECORD_VITALS)
def vitals_ask_void(vitals_id: UUID) -> Response:
    """Ask why a measurement is wrong."""
    return _show_void(ReasonForm(), vitals_id)


@hospital.post("/vitals/<uuid:vitals_id>/void")
@requires(RECORD_VITALS)
def vitals_void(vitals_id: UUID) -> BaseResponse:
    """Void a wrong measurement."""
    form = ReasonForm()
    if not form.validate_on_submit():
        return _show_void(form, vitals_id)
    vitals = void_vitals(current_actor(), vitals_id, form.reason.data)
    flash(_("The measurement is voided. It stays in the file with your reason."), "success")
    return see_other(url_for("hospital.vitals_index", patient_id=vitals.patient_id))


def _visit_of(form: VitalsForm, patient_id: UUID) -> UUID | None:
    """Return the visit that the form names, when it is this patient's of today."""
    wanted = parse_id(form.appointment.data or "")
    if wanted is None:
        return None
    if find_todays_visit(patient_id, wanted) is None:
        raise VisitNotFound
    return wanted


def _show_form(form: VitalsForm, patient: PatientRow) -> Response:
    recent = list_vitals(patient.id, SHOWN_IN_LIST)
    return render(
        "hospital/vitals/new.html",
        form=form,
        patient=patient,
        vitals=tabulate(patient, recent),
        cancel_url=url_for("hospital.today") if request.args.get("from") == "today" else None,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_void(form: ReasonForm, vitals_id: UUID) -> Response:
    measurement = get_vitals(vitals_id)
    patient = open_patient(current_actor(), measurement.patient_id, "vitals.view", RECORD_VITALS)
    return render(
        "hospital/vitals/void.html",
        form=form,
        patient=patient,
        measurement=measurement,
        vitals=tabulate(patient, [measurement]),
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )
