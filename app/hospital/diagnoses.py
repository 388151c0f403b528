"""Looking diagnoses up in the ICD-10 as one types; says nothing about any patient."""

from __future__ import annotations

from flask import Response, request

from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_RECORDS
from app.domain.records.icd10 import Diagnosis
from app.domain.records.icd10_titles import search_titled
from app.hospital import hospital
from app.web.i18n import current_language
from app.web.render import render

SHOWN = 10


@hospital.get("/diagnoses")
@requires(VIEW_RECORDS)
def diagnoses_index() -> Response:
    """Show the diagnoses found; with a record, each with the button that adds it there."""
    text = request.args.get("diagnosis_q", "").strip()
    return render(
        "hospital/diagnoses/index.html",
        block="results",
        q=text,
        found=find_diagnoses(text),
        record_id=parse_id(request.args.get("record", "")),
        choosing=bool(request.args.get("choosing")),
    )


def find_diagnoses(text: str) -> list[Diagnosis]:
    """Return what is found for a typed text, in the reader's language first."""
    return search_titled(text, current_language(), SHOWN) if text else []
