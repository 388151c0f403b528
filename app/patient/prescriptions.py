"""A patient's own prescriptions: what to take and how, and the paper for the pharmacy."""

from __future__ import annotations

from uuid import UUID

from flask import Response, abort, request

from app.core.permissions import requires
from app.domain.identity.permissions import OWN_RECORD
from app.domain.prescriptions.issued import list_own_prescriptions, open_own_prescription
from app.patient import patient
from app.patient.own import own_patient_id
from app.web.documents import pdf_response
from app.web.prescription_paper import LANGUAGES, prescription_pdf
from app.web.principals import current_actor
from app.web.render import render


@patient.get("/prescriptions")
@requires(OWN_RECORD)
def prescriptions_index() -> Response:
    """List one's own prescriptions, the newest first."""
    rows = list_own_prescriptions(current_actor(), own_patient_id())
    return render("patient/prescriptions/index.html", prescriptions=rows)


@patient.get("/prescriptions/<uuid:prescription_id>")
@requires(OWN_RECORD)
def prescriptions_show(prescription_id: UUID) -> Response:
    """Show one prescription: each medicine, how much, how often, and what else to mind."""
    issued = open_own_prescription(current_actor(), own_patient_id(), prescription_id)
    return render("patient/prescriptions/show.html", issued=issued, prescription=issued.row)


@patient.get("/prescriptions/<uuid:prescription_id>/paper")
@requires(OWN_RECORD)
def prescriptions_paper(prescription_id: UUID) -> Response:
    """Give the prescription's paper, in Vietnamese or in both languages."""
    language = request.args.get("language", "vi")
    if language not in LANGUAGES:
        abort(404)
    issued = open_own_prescription(current_actor(), own_patient_id(), prescription_id)
    return pdf_response(prescription_pdf(issued, language), f"{issued.row.code}.pdf")
