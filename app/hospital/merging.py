"""Joining a registration that was made twice, and parting what was joined by mistake: look at both, then confirm."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import MERGE_PATIENTS
from app.domain.patients.merging import find_by_code, list_joined, merge_patient, part_patient
from app.domain.patients.queries import PatientRow, open_patient
from app.hospital import hospital
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.versions import read_version

ACTION = "patient.merge"
NOT_FOUND = _l("This hospital has no other patient with this code.")


@hospital.get("/patients/<uuid:patient_id>/merge")
@requires(MERGE_PATIENTS)
def patients_merge(patient_id: UUID) -> Response:
    """Ask whose registration this is, and show both before it is joined; show what was joined to it before."""
    written = request.args.get("into", "").strip()
    into = _find(written, patient_id)
    return _show(patient_id, into, error=bool(written) and into is None)


@hospital.post("/patients/<uuid:patient_id>/merge")
@requires(MERGE_PATIENTS)
def patients_merge_confirm(patient_id: UUID) -> BaseResponse:
    """Close this registration and go on with the first one."""
    into = parse_id(request.form.get("into", ""))
    version = read_version(request.form.get("version"))
    if into is None or version is None:
        return _show(patient_id, None, error=True)
    first = merge_patient(current_actor(), patient_id, version, into)
    flash(_("The registration is joined to this patient."), "success")
    return see_other(url_for("hospital.patients_show", patient_id=first.id))


@hospital.post("/patients/<uuid:patient_id>/unmerge")
@requires(MERGE_PATIENTS)
def patients_unmerge(patient_id: UUID) -> BaseResponse:
    """Open a registration again that was joined to this patient, with what was moved from it."""
    joined = parse_id(request.form.get("joined", ""))
    if joined is None:
        return _show(patient_id, None, error=True)
    second = part_patient(current_actor(), joined, patient_id)
    flash(_("The two are parted. What was moved is back under this registration."), "success")
    return see_other(url_for("hospital.patients_show", patient_id=second.id))


def _find(written: str, patient_id: UUID) -> PatientRow | None:
    found = find_by_code(written) if written else None
    if found is None or found == patient_id:
        return None
    return open_patient(current_actor(), found, ACTION, MERGE_PATIENTS)


def _show(patient_id: UUID, into: PatientRow | None, *, error: bool) -> Response:
    return render(
        "hospital/patients/merge.html",
        status=422 if error else 200,
        has_errors=error,
        patient=open_patient(current_actor(), patient_id, ACTION, MERGE_PATIENTS),
        into=into,
        joined=list_joined(current_actor(), patient_id),
        written=request.args.get("into", ""),
        error=NOT_FOUND if error else None,
    )
