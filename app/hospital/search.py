"""Finding a patient, from everywhere: by part of the name, code, CCCD, insurance number or phone."""

from __future__ import annotations

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_PATIENTS
from app.domain.patients.finding import search_patients
from app.domain.patients.rules import LONGEST_QUERY, read_query
from app.hospital import hospital
from app.web.principals import current_actor
from app.web.render import render, see_other, wants_fragment


@hospital.get("/search")
@requires(VIEW_PATIENTS)
def search() -> BaseResponse:
    """Show who was found; a number that is one patient's alone leads straight to that patient."""
    text = request.args.get("q", "").strip()
    page = search_patients(current_actor(), text, request.args.get("page", 1, type=int))
    sought = read_query(text)
    if page.total == 1 and not sought.name and page.items[0].is_exact and not wants_fragment():
        return see_other(url_for("hospital.patients_show", patient_id=page.items[0].id))
    return show_found(text, page, too_short=bool(text) and sought.is_empty)


def show_found(text: str, page: object, *, too_short: bool = False) -> Response:
    """Show the search page with what was found."""
    return render("hospital/patients/index.html", q=text[:LONGEST_QUERY], page=page, too_short=too_short)
