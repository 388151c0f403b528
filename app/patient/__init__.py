"""The patients' portal, made for phones."""

from __future__ import annotations

from flask import Blueprint

from app.web.guards import guard

patient = Blueprint("patient", __name__, url_prefix="/patient")
guard(patient)

from app.patient import home, identity  # noqa: E402

__all__ = ["home", "identity", "patient"]
