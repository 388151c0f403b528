"""Joining a registration that was made twice: the desk names the first one, looks at both, and confirms."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import REGISTER_PATIENTS
from app.domain.patients.merging import find_by_code, merge_patient
from app.domain.patients.queries import PatientRow, open_patient
from app.hospital import hospital
from app.web.principals import current_actor
from app.web.render import render, see_other

ACTION = "patient.merge"
NOT_FOUND = _l("This hospital has no other patient with this code.")


@hospital.get("/patients/<uuid:patient_id>/merge")
@requires(REGISTER_PATIENTS)
def patients_merge(patient_id: UUID) -> Response:
    """Ask whose registration this is, and show both before it is joined."""
    written = request.args.get("into", "").strip()
    into = _find(written, patient_id)
    return _show(patient_id, into, error=bool(written) and into is None)


@hospital.post("/patients/<uuid:patient_id>/merge")
@requires(REGISTER_PATIENTS)
def patients_merge_confirm(patient_id: UUID) -> BaseResponse:
    """Close this registration and go on with the first one."""
    into = parse_id(request.form.get("into", ""))
    version = request.form.get("version", "")
    if into is None or not version.isdecimal():
        return _show(patient_id, None, error=True)
    first = merge_patient(current_actor(), patient_id, int(version), into)
    flash(_("The registration is joined to this patient."), "success")
    return see_other(url_for("hospital.patients_show", patient_id=first.id))


def _find(written: str, patient_id: UUID) -> PatientRow | None:
    found = find_by_code(written) if written else None
    if found is None or found == patient_id:
        return None
    return open_patient(current_actor(), found, ACTION, REGISTER_PATIENTS)


def _show(patient_id: UUID, into: PatientRow | None, *, error: bool) -> Response:
    return render(
        "hospital/patients/merge.html",
        status=422 if error else 200,
        has_errors=error,
        patient=open_patient(current_actor(), patient_id, ACTION, REGISTER_PATIENTS),
        into=into,
        written=request.args.get("into", ""),
        error=NOT_FOUND if error else None,
    )
