"""The fleet of hospitals."""

from __future__ import annotations

from flask import Response

from app.admin import admin
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_HOSPITALS
from app.web.render import render


@admin.get("/hospitals")
@requires(VIEW_HOSPITALS)
def hospitals_index() -> Response:
    """List the hospitals, the worst first."""
    return render("admin/hospitals/index.html")
