"""A doctor's own favourites: medicines with their doses, kept while prescribing, looked through and dropped here."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Forbidden
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import PRESCRIBE
from app.domain.prescriptions.at_hand import list_favourites, remove_favourite
from app.hospital import hospital
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other


@hospital.get("/favourites")
@requires(PRESCRIBE)
def favourites_index() -> Response:
    """List one's own favourites."""
    person = find_principal()
    if person is None:
        raise Forbidden
    return render("hospital/favourites/index.html", favourites=list_favourites(person.id))


@hospital.post("/favourites/<uuid:favourite_id>/remove")
@requires(PRESCRIBE)
def favourites_remove(favourite_id: UUID) -> BaseResponse:
    """Drop a favourite."""
    remove_favourite(current_actor(), favourite_id)
    flash(_("It is no longer among your favourites."), "success")
    return see_other(url_for("hospital.favourites_index"))
