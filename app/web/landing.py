"""The doorstep: which portal, for people who typed only the address."""

from __future__ import annotations

from flask import Blueprint, Response

from app.core.permissions import public
from app.web.guards import guard
from app.web.render import render

landing = Blueprint("landing", __name__)
guard(landing)


@landing.get("/")
@public
def show() -> Response:
    """Show the ways in: of the platform, or of the hospital that the address names."""
    return render("landing/show.html")
