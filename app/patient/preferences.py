"""How one wants to be written to: by which ways in which order, in which language, and about what not."""

from __future__ import annotations

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import OWN_RECORD
from app.domain.messages.preferences import change_preferences, get_preferences
from app.patient import patient
from app.patient.own import own_patient_id
from app.web.preference_form import CHANNEL, PreferenceForm
from app.web.principals import current_actor
from app.web.render import render, see_other


@patient.get("/message-preferences")
@requires(OWN_RECORD)
def preferences_show() -> Response:
    """Show by which ways the hospital writes to the patient."""
    return _show()


@patient.post("/message-preferences")
@requires(OWN_RECORD)
def preferences_change() -> BaseResponse:
    """Change by which ways the hospital writes."""
    form = PreferenceForm()
    form.offer(get_preferences(current_actor(), own_patient_id()).offered)
    if form.validate_on_submit():
        try:
            change_preferences(current_actor(), own_patient_id(), form.version_number, form.preferences)
        except (InvalidValue, Conflict) as error:
            form.add_error("first", error)
        else:
            flash(_("Saved. It counts for everything that is sent from now on."), "success")
            return see_other(url_for("patient.preferences_show"))
    return _show(form)


def _show(form: PreferenceForm | None = None) -> Response:
    standing = get_preferences(current_actor(), own_patient_id())
    failed, form = form is not None, form or PreferenceForm(formdata=None)
    form.offer(standing.offered)
    if not failed:
        form.fill(standing.preferences, standing.version)
    return render(
        "patient/preferences/show.html",
        standing=standing,
        reached=[CHANNEL[channel] for channel in standing.reached_by],
        form=form,
        has_errors=failed,
        status=422 if failed else 200,
    )
