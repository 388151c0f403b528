"""Patients: found, registered, corrected, and the page that shows what the hospital knows of one."""

from __future__ import annotations

import json
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue, Text
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.audit import words as audit_words
from app.domain.audit.queries import list_look_days
from app.domain.identity.permissions import REGISTER_PATIENTS, VIEW_ACCESS_LOG, VIEW_PATIENTS
from app.domain.paging import Page, offset_of
from app.domain.patients.errors import DuplicateCccd, StalePatient
from app.domain.patients.models import AllergyState, Sex
from app.domain.patients.operations import register_patient, update_patient
from app.domain.patients.queries import PatientRow, open_patient, search_patients
from app.domain.patients.rules import PatientDetails, check_details
from app.domain.records.queries import open_chart
from app.hospital import hospital, wording
from app.hospital.forms.patients import PatientForm, form_values
from app.hospital.search import show_found
from app.hospital.vitals_table import tabulate
from app.web.conflicts import show_conflict
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone

declare_menu("hospital.patients_index", _l("Patients"), "users", VIEW_PATIENTS, 20)

LOOKS, LAST_PAGE = 50, 10_000

LABELS = {
    "full_name": _l("Full name"),
    "born_on": _l("Date of birth"),
    "sex": _l("Sex"),
    "cccd": _l("CCCD number"),
    "bhyt": _l("Health insurance (BHYT)"),
    "phone": _l("Phone"),
    "email": _l("E-mail"),
    "province": _l("Province or city"),
    "ward": _l("Ward or commune"),
    "street": _l("House number, street"),
    "allergy_state": _l("Allergies"),
    "allergies": _l("Allergic to"),
}


@hospital.get("/patients")
@requires(VIEW_PATIENTS)
def patients_index() -> Response:
    """Ask whom one is looking for, and show who was found."""
    text = request.args.get("q", "").strip()
    return show_found(text, search_patients(current_actor(), text, request.args.get("page", 1, type=int)))


@hospital.get("/patients/<uuid:patient_id>")
@requires(VIEW_PATIENTS)
def patients_show(patient_id: UUID) -> Response:
    """Show what the hospital knows of a patient, as far as this person may read it."""
    chart = open_chart(current_actor(), patient_id)
    return render(
        "hospital/patients/show.html", chart=chart, patient=chart.patient, vitals=tabulate(chart.patient, chart.vitals)
    )


@hospital.get("/patients/<uuid:patient_id>/access")
@requires(VIEW_PATIENTS, VIEW_ACCESS_LOG)
def patients_access(patient_id: UUID) -> Response:
    """Show who has looked at a patient's data."""
    patient = open_patient(current_actor(), patient_id, "patient.access", VIEW_ACCESS_LOG)
    number = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
    looks, total = list_look_days(
        current_actor(), patient_id, str(hospital_zone()), limit=LOOKS, offset=offset_of(number, LOOKS)
    )
    return render(
        "hospital/patients/access.html", patient=patient, page=Page(looks, number, LOOKS, total), what=audit_words
    )


@hospital.get("/patients/new")
@requires(REGISTER_PATIENTS)
def patients_new() -> Response:
    """Ask for a new patient's data."""
    return _show_form(PatientForm(full_name=request.args.get("name", "")))


@hospital.post("/patients")
@requires(REGISTER_PATIENTS)
def patients_create() -> BaseResponse:
    """Register a patient."""
    form = PatientForm()
    if not form.validate_on_submit():
        return _show_form(form)
    try:
        patient = register_patient(current_actor(), form.details())
    except DuplicateCccd as error:
        return _show_form(form, duplicate=error)
    except InvalidValue as error:
        form.add_error("full_name", error)
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
    if not form.validate_on_submit():
        return _show_form(form, open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS))
    try:
        update_patient(current_actor(), patient_id, form.version_number, form.details())
    except DuplicateCccd as error:
        return _show_form(
            form, open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS), duplicate=error
        )
    except InvalidValue as error:
        form.add_error("full_name", error)
        return _show_form(form, open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS))
    except StalePatient as error:
        return _show_conflict(form, patient_id, error.theirs)
    flash(_("The patient's data are saved."), "success")
    return see_other(url_for("hospital.patients_show", patient_id=patient_id))


def _show_form(
    form: PatientForm, patient: PatientRow | None = None, *, duplicate: DuplicateCccd | None = None
) -> Response:
    if duplicate is not None:
        form.add_error("cccd", duplicate)
    failed = bool(form.errors) or duplicate is not None
    return render(
        "hospital/patients/form.html",
        form=form,
        patient=patient,
        duplicate=duplicate,
        has_errors=failed,
        status=422 if failed else 200,
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


def show_value(name: str, value: str) -> Text:
    """Say a form value of a closed set in words."""
    if name == "sex" and value in set(Sex):
        return wording.SEX[Sex(value)]
    if name == "allergy_state" and value in set(AllergyState):
        return wording.ALLERGY_STATE[AllergyState(value)]
    return value
