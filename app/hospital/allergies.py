"""A patient's allergies, asked by whoever is with the patient: desk, nurse or doctor."""

from __future__ import annotations

import json
from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import RECORD_VITALS
from app.domain.patients.errors import StalePatient
from app.domain.patients.models import AllergyState
from app.domain.patients.operations import record_allergies
from app.domain.patients.queries import PatientRow, open_patient
from app.domain.patients.rules import parse_allergies
from app.hospital import hospital
from app.hospital.forms.patients import AllergiesForm, form_values
from app.hospital.patients import LABELS, show_value
from app.web.conflicts import show_conflict
from app.web.principals import current_actor
from app.web.render import render, see_other

FIELDS = ("allergy_state", "allergies")


@hospital.get("/patients/<uuid:patient_id>/allergies")
@requires(RECORD_VITALS)
def allergies_edit(patient_id: UUID) -> Response:
    """Ask what the patient is allergic to."""
    patient = open_patient(current_actor(), patient_id, "patient.edit", RECORD_VITALS)
    values = _values(patient)
    return _show(AllergiesForm(**values, version=str(patient.version), was=json.dumps(values)), patient)


@hospital.post("/patients/<uuid:patient_id>/allergies")
@requires(RECORD_VITALS)
def allergies_update(patient_id: UUID) -> BaseResponse:
    """Write down what the patient said."""
    form = AllergiesForm()
    if not form.validate_on_submit():
        return _show(form, open_patient(current_actor(), patient_id, "patient.edit", RECORD_VITALS))
    state, allergies = AllergyState(form.allergy_state.data), parse_allergies(form.allergies.data or "")
    try:
        record_allergies(current_actor(), patient_id, form.version_number, state, allergies)
    except StalePatient as error:
        return _show_conflict(form, patient_id, error.theirs)
    flash(_("The allergies are saved."), "success")
    return see_other(url_for("hospital.patients_show", patient_id=patient_id))


def _values(patient: PatientRow) -> dict[str, str]:
    values = form_values(patient.details)
    return {name: values[name] for name in FIELDS}


def _show(form: AllergiesForm, patient: PatientRow) -> Response:
    return render(
        "hospital/allergies/edit.html",
        form=form,
        patient=patient,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_conflict(form: AllergiesForm, patient_id: UUID, theirs: PatientRow) -> Response:
    newest = _values(theirs)
    return show_conflict(
        layout="layouts/hospital.html",
        title=_("%(name)s: two people have changed the data", name=theirs.full_name),
        changed_by=theirs.updated_by_name or "",
        changed_at=theirs.updated_at,
        action=url_for("hospital.allergies_update", patient_id=patient_id),
        view_url=url_for("hospital.patients_show", patient_id=patient_id),
        labels={name: LABELS[name] for name in FIELDS},
        was=form.began_with,
        mine={"allergy_state": form.allergy_state.data, "allergies": (form.allergies.data or "").replace("\r\n", "\n")},
        theirs=newest,
        hidden={"version": theirs.version, "was": json.dumps(newest)},
        shown=show_value,
    )
