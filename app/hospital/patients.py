"""Patients: found, and the page that shows what the hospital knows of one."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Text
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.audit import words as audit_words
from app.domain.audit.queries import list_look_days
from app.domain.identity.permissions import VIEW_ACCESS_LOG, VIEW_PATIENTS
from app.domain.paging import Page, offset_of
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.finding import search_patients
from app.domain.patients.merging import find_joined_into
from app.domain.patients.models import AllergyState, Sex
from app.domain.patients.queries import open_patient
from app.domain.patients.relations import needs_guardian
from app.domain.records.queries import open_chart
from app.hospital import hospital, wording
from app.hospital.search import show_found
from app.hospital.vitals_table import tabulate
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
def patients_show(patient_id: UUID) -> BaseResponse:
    """Show what the hospital knows of a patient, as far as this person may read it."""
    try:
        chart = open_chart(current_actor(), patient_id)
    except PatientNotFound:
        joined = find_joined_into(patient_id)
        if joined is None:
            raise
        flash(_("The registration that you asked for is joined to this one."), "info")
        return see_other(url_for("hospital.patients_show", patient_id=joined))
    return render(
        "hospital/patients/show.html",
        chart=chart,
        patient=chart.patient,
        vitals=tabulate(chart.patient, chart.vitals),
        needs_guardian=needs_guardian(chart.patient.born_on, clock.today(hospital_zone())),
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


def show_value(name: str, value: str) -> Text:
    """Say a form value of a closed set in words."""
    if name == "sex" and value in set(Sex):
        return wording.SEX[Sex(value)]
    if name == "allergy_state" and value in set(AllergyState):
        return wording.ALLERGY_STATE[AllergyState(value)]
    return value
