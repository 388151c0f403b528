"""The doorstep: which portal, for people who typed only the address."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app

from app.core.permissions import public
from app.tenancy.binding import find_bound_hospital
from app.tenancy.domains import portal_url
from app.tenancy.queries import list_demo_hospitals
from app.web.guards import guard
from app.web.render import render

landing = Blueprint("landing", __name__)
guard(landing)


@landing.get("/")
@public
def show() -> Response:
    """Show the ways in: of the platform, or of the hospital that the address names."""
    demo = [] if find_bound_hospital() else _demo_addresses()
    return render("landing/show.html", demo_hospitals=demo)


def _demo_addresses() -> list[dict[str, Any]]:
    """Name the demo hospitals, which production does not have; real ones are nobody's business at this door."""
    settings = current_app.extensions["settings"]
    if settings.environment == "production":
        return []
    return [
        {
            "name": row.display_name,
            "staff": portal_url(settings, row.code, "hospital", row.custom_domain),
            "patients": portal_url(settings, row.code, "patient", row.custom_domain),
        }
        for row in list_demo_hospitals()
    ]
