"""How the hospital's own data is kept: when it was backed up last, and when that was last proven."""

from __future__ import annotations

from flask import Response
from sqlalchemy.exc import DBAPIError

from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_DATA_SAFETY
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.tenancy.binding import bound_hospital
from app.tenancy.restores.queries import DataSafety, read_data_safety
from app.web.render import render

log = get_logger(__name__)

declare_administration(
    "hospital.data_safety_show",
    _l("Data safety"),
    _l("When the data was backed up, and when a restore was proven"),
    VIEW_DATA_SAFETY,
    90,
)


@hospital.get("/data-safety")
@requires(VIEW_DATA_SAFETY)
def data_safety_show() -> Response:
    """Show the administrator when the data was backed up, when a restore was proven, and how long copies are kept."""
    return render("hospital/data_safety/show.html", safety=_find_safety())


def _find_safety() -> DataSafety | None:
    """Ask the centre, which a hospital can do without; None while it is away."""
    try:
        return read_data_safety(bound_hospital().id)
    except DBAPIError as error:
        log.warning("the centre does not say how data is kept", error=type(error).__name__)
        return None
