"""What the hospital has written down about a patient, and the language it speaks to them in."""

from __future__ import annotations

from flask import Response, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.patient_accounts import choose_language, get_profile
from app.domain.identity.permissions import OWN_RECORD
from app.patient import patient
from app.patient.own import own_patient_id
from app.web.menu import declare_menu
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other

declare_menu("patient.profile", _l("Account"), "user", OWN_RECORD, 40)
SHOWN_DIGITS = 3


@patient.get("/profile")
@requires(OWN_RECORD)
def profile() -> Response:
    """Show who the patient is to the hospital."""
    person = get_profile(current_actor(), own_patient_id())
    return render("patient/profile/show.html", person=person, masked=masked)


@patient.post("/profile/language")
@requires(OWN_RECORD)
def profile_language() -> BaseResponse:
    """Remember the chosen language, for pages and messages alike."""
    locale = request.form.get("locale", "")
    principal = find_principal()
    if principal is not None:
        choose_language(current_actor(), principal.id, locale)
        session["locale"] = locale
    return see_other(url_for("patient.profile"))


def masked(number: str | None) -> str | None:
    """Return a number of which only the last digits can be read over somebody's shoulder."""
    if number is None:
        return None
    return "•" * (len(number) - SHOWN_DIGITS) + number[-SHOWN_DIGITS:]
