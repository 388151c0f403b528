"""A patient's first page: what comes next."""

from __future__ import annotations

from flask import Response

from app.core.permissions import requires
from app.domain.identity.permissions import OWN_RECORD
from app.patient import patient
from app.web.render import render


@patient.get("/home")
@requires(OWN_RECORD)
def home() -> Response:
    """Show the next visit and what to do."""
    return render("patient/home/index.html")
