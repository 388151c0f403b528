"""Everything about one patient's data protection on one page: consents, requests, copies, holds, erasure."""

from __future__ import annotations

from uuid import UUID

from flask import Response

from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_PRIVACY
from app.domain.privacy import words as said
from app.domain.privacy.overview import open_overview
from app.hospital import hospital
from app.web.principals import current_actor
from app.web.render import render


@hospital.get("/patients/<uuid:patient_id>/privacy")
@requires(MANAGE_PRIVACY)
def patient_privacy_show(patient_id: UUID) -> Response:
    """Show how a patient's data is protected, and what can be done."""
    return render("hospital/patient_privacy/show.html", overview=open_overview(current_actor(), patient_id), said=said)
