"""Registering patients and correcting their data: cards are scanned in, and whoever may be the same person is shown."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue, Text
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import REGISTER_PATIENTS
from app.domain.patients.duplicates import Reason, Similar, find_similar
from app.domain.patients.errors import DuplicateCccd, StalePatient
from app.domain.patients.form_rules import RulesBroken
from app.domain.patients.models import Patient
from app.domain.patients.operations import (
    JUST_NOW,
    find_just_registered,
    hold_registering,
    register_patient,
    update_patient,
)
from app.domain.patients.queries import PatientRow, open_patient
from app.domain.patients.rules import PatientDetails, check_details
from app.domain.patients.scanning import read_card
from app.hospital import hospital
from app.hospital.forms.patients import PatientForm, form_values
from app.hospital.patients import LABELS, show_value
from app.web.conflicts import show_conflict
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone

AGAIN = timedelta(seconds=5)  # between two clicks, not between two people
REASONS: dict[Reason, Text] = {
    Reason.CCCD: _l("Same CCCD number"),
    Reason.BHYT: _l("Same insurance number"),
    Reason.JOINED: _l("A registration with this number is joined to this patient"),
    Reason.NAME_AND_BIRTH: _l("Same name and date of birth"),
    Reason.NAME_AND_PHONE: _l("Same name and telephone"),
    Reason.BIRTH_TURNED: _l("Same name; day and month of birth the other way round"),
    Reason.LIKE_NAME_AND_BIRTH: _l("Same date of birth and a similar name"),
    Reason.PHONE: _l("Same telephone, perhaps of the family"),
}


@hospital.get("/patients/new")
@requires(REGISTER_PATIENTS)
def patients_new() -> Response:
    """Ask for a new patient's data."""
    return _show_form(PatientForm(full_name=request.args.get("name", "")))


@hospital.post("/patients/similar")
@requires(REGISTER_PATIENTS)
def patients_similar() -> Response:
    """Show who may be the same person, as far as the form says anything yet."""
    but = parse_id(request.form.get("patient_id", ""))
    similar = find_similar(current_actor(), PatientForm().told(), but)
    return render("hospital/patients/similar.html", block="similar", similar=similar, reasons=REASONS)


@hospital.post("/patients")
@requires(REGISTER_PATIENTS)
def patients_create() -> BaseResponse:
    """Register a patient, unless a card was scanned in or somebody may be the same person."""
    form = PatientForm()
    if form.scan.data:
        return _read_card(form)
    if not form.validate_on_submit():
        return _show_form(form)
    try:
        patient = _sent_twice(form)
        similar = [] if patient or form.is_somebody_else else find_similar(current_actor(), form.told())
        if any(one.is_sure and Reason.CCCD not in one.reasons for one in similar):
            return _show_form(form, similar=similar, asks=True)
        patient = patient or register_patient(current_actor(), form.details())
    except DuplicateCccd as error:
        return _show_form(form, duplicate=error)
    except InvalidValue as error:
        _add_errors(form, error)
        return _show_form(form)
    flash(_("%(name)s is registered.", name=patient.full_name), "success")
    return see_other(url_for("hospital.patients_show", patient_id=patient.id))


@hospital.get("/patients/<uuid:patient_id>/edit")
@requires(REGISTER_PATIENTS)
def patients_edit(patient_id: UUID) -> Response:
    """Ask what is to be corrected."""
    patient = open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS)
    values = form_values(patient.details)
    return _show_form(PatientForm(**values, version=str(patient.version), was=json.dumps(values)), patient)


@hospital.post("/patients/<uuid:patient_id>")
@requires(REGISTER_PATIENTS)
def patients_update(patient_id: UUID) -> BaseResponse:
    """Correct a patient's data, or show the conflict where somebody else has meanwhile."""
    form = PatientForm()
    if form.scan.data:
        return _read_card(form, open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS))
    if not form.validate_on_submit():
        return _show_form(form, open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS))
    try:
        update_patient(current_actor(), patient_id, form.version_number, form.details())
    except DuplicateCccd as error:
        return _show_form(
            form, open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS), duplicate=error
        )
    except InvalidValue as error:
        _add_errors(form, error)
        return _show_form(form, open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS))
    except StalePatient as error:
        return _show_conflict(form, patient_id, error.theirs)
    flash(_("The patient's data are saved."), "success")
    return see_other(url_for("hospital.patients_show", patient_id=patient_id))


def _sent_twice(form: PatientForm) -> Patient | None:
    """Return the patient whom this very form has made already; whoever sends it at the same time waits here.

    Of twins, who are alike in all that is known of them, the second is confirmed as somebody else: that takes longer.
    """
    hold_registering(form.told())
    within = AGAIN if form.is_somebody_else else JUST_NOW
    return find_just_registered(current_actor(), form.details(), within)


def _read_card(form: PatientForm, patient: PatientRow | None = None) -> Response:
    """Show the form with what a card says in its fields; nothing is saved yet."""
    try:
        found = read_card(form.scan.data)
    except InvalidValue as error:
        form.add_error("scan", error)
        return _show_form(form, patient)
    form.fill(found)
    similar = find_similar(current_actor(), form.told(), patient.id if patient else None)
    return _show_form(form, patient, similar=similar, scanned=True)


def _add_errors(form: PatientForm, error: InvalidValue) -> None:
    """Show an error at its field, and of the hospital's own rules every one at its own."""
    faults = error.faults if isinstance(error, RulesBroken) else [error]
    for fault in faults:
        form.add_error("full_name", InvalidValue(fault.message, field=fault.field))


def _show_form(
    form: PatientForm,
    patient: PatientRow | None = None,
    *,
    duplicate: DuplicateCccd | None = None,
    similar: list[Similar] | None = None,
    asks: bool = False,
    scanned: bool = False,
) -> Response:
    if duplicate is not None:
        form.add_error("cccd", duplicate)
    failed = bool(form.errors) or duplicate is not None
    return render(
        "hospital/patients/form.html",
        form=form,
        patient=patient,
        duplicate=duplicate,
        similar=similar or [],
        reasons=REASONS,
        asks=asks,
        scanned=scanned,
        has_errors=failed,
        status=422 if failed or asks else 200,
    )


def _show_conflict(form: PatientForm, patient_id: UUID, theirs: PatientRow) -> Response:
    newest = form_values(theirs.details)
    return show_conflict(
        layout="layouts/hospital.html",
        title=_("%(name)s: two people have changed the data", name=theirs.full_name),
        changed_by=theirs.updated_by_name or "",
        changed_at=theirs.updated_at,
        action=url_for("hospital.patients_update", patient_id=patient_id),
        view_url=url_for("hospital.patients_show", patient_id=patient_id),
        labels=LABELS,
        was=form.began_with,
        mine=form_values(_as_kept(form.details())),
        theirs=newest,
        hidden={"version": theirs.version, "was": json.dumps(newest)},
        shown=show_value,
    )


def _as_kept(details: PatientDetails) -> PatientDetails:
    return check_details(details, clock.today(hospital_zone()))
