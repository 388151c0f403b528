"""What the platform tells every hospital's staff, from the hospital's own copy."""

from __future__ import annotations

from app.domain.centre.handing_down import read_handed_down
from app.hospital import hospital
from app.tenancy.configuration import NOTICE


@hospital.app_template_global()
def platform_notice() -> str | None:
    """Return the platform's notice to staff, where there is one: asked by the pages that show it."""
    value = read_handed_down(NOTICE)
    return value["text"] if value else None
