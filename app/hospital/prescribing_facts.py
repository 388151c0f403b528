"""What the prescription on a consultation's page is shown with: its warnings, and what is at hand to prescribe."""

from __future__ import annotations

from typing import Any

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.identity.permissions import PRESCRIBE
from app.domain.prescriptions.at_hand import read_at_hand
from app.domain.prescriptions.models import Severity, WarningKind
from app.domain.prescriptions.reviewing import find_cancelled_before, review_prescription
from app.domain.records.queries import OpenRecord
from app.web.principals import find_principal

SEVERITIES: dict[Severity, Text] = {
    Severity.CONTRAINDICATED: _l("Contraindicated interaction"),
    Severity.MAJOR: _l("Major interaction"),
    Severity.MODERATE: _l("Moderate interaction"),
    Severity.MINOR: _l("Minor interaction"),
}
KINDS: dict[WarningKind, Text] = {
    WarningKind.ALLERGY: _l("Allergy"),
    WarningKind.DUPLICATE: _l("Same ingredient twice"),
    WarningKind.INTERACTION: _l("Interaction"),
    WarningKind.UNCOMPARED: _l("Allergy that could not be compared"),
    WarningKind.CANCELLED: _l("From a cancelled prescription"),
}


def prescribing_facts(opened: OpenRecord) -> dict[str, Any]:
    """Return what the section of the prescription needs besides its medicines."""
    person = find_principal()
    prescribes = person is not None and person.may(PRESCRIBE.code)
    return {
        "review": review_prescription(opened.row.id, opened.row.patient_id, opened.items),
        "cancelled": find_cancelled_before(opened.row.id) if opened.row.parent_id else None,
        "at_hand": read_at_hand(opened.row.doctor_id, opened.row.patient_id) if prescribes else None,
        "severities": SEVERITIES,
        "kinds": KINDS,
    }
