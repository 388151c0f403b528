"""The hospital's portal: doctors, nurses, desk."""

from __future__ import annotations

from flask import Blueprint

from app.web.guards import guard

hospital = Blueprint("hospital", __name__, url_prefix="/hospital")
guard(hospital)

from app.hospital import identity, today  # noqa: E402

__all__ = ["hospital", "identity", "today"]
