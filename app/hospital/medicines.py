"""Looking medicines up in the hospital's formulary as one types; says nothing about any patient."""

from __future__ import annotations

from flask import Response, request

from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_RECORDS
from app.domain.prescriptions.queries import search_medicines
from app.hospital import hospital
from app.web.render import render


@hospital.get("/medicines")
@requires(VIEW_RECORDS)
def medicines_index() -> Response:
    """Show the medicines found; within a consultation each can be chosen."""
    text = request.args.get("medicine_q", "").strip()
    return render(
        "hospital/medicines/index.html",
        block="results",
        q=text,
        found=search_medicines(text),
        choosing=request.args.get("choosing") == "1",
        chosen=None,
    )
