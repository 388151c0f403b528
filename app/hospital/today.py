"""Today: each role's own worklist."""

from __future__ import annotations

from flask import Response

from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_APPOINTMENTS
from app.hospital import hospital
from app.web.render import render


@hospital.get("/today")
@requires(VIEW_APPOINTMENTS)
def today() -> Response:
    """Show what this person has to do next."""
    return render("hospital/today/index.html")
