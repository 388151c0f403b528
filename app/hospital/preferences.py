"""How a patient wants to be written to, as the desk notes it for them."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.messages.preferences import change_preferences, get_preferences
from app.domain.patients.queries import open_patient
from app.hospital import hospital
from app.web.preference_form import CHANNEL, PreferenceForm
from app.web.principals import current_actor
from app.web.render import render, see_other


@hospital.get("/patients/<uuid:patient_id>/message-preferences")
@requires(BOOK_FOR_PATIENTS)
def preferences_show(patient_id: UUID) -> Response:
    """Show by which ways and in which language a patient is written to, and about what."""
    return _show(patient_id)


@hospital.post("/patients/<uuid:patient_id>/message-preferences")
@requires(BOOK_FOR_PATIENTS)
def preferences_change(patient_id: UUID) -> BaseResponse:
    """Note how the patient wants to be written to."""
    form = PreferenceForm()
    form.offer(get_preferences(current_actor(), patient_id).offered)
    if form.validate_on_submit():
        try:
            change_preferences(current_actor(), patient_id, form.version_number, form.preferences)
        except (InvalidValue, Conflict) as error:
            form.add_error("first", error)
        else:
            flash(_("Saved. It counts for everything that is sent from now on."), "success")
            return see_other(url_for("hospital.preferences_show", patient_id=patient_id))
    return _show(patient_id, form)


def _show(patient_id: UUID, form: PreferenceForm | None = None) -> Response:
    patient = open_patient(current_actor(), patient_id, permission=BOOK_FOR_PATIENTS)
    standing = get_preferences(current_actor(), patient_id)
    failed = form is not None
    form = form or PreferenceForm(formdata=None)
    form.offer(standing.offered)
    if not failed:
        form.fill(standing.preferences, standing.version)
    return render(
        "hospital/preferences/show.html",
        patient=patient,
        standing=standing,
        form=form,
        reached=[CHANNEL[channel] for channel in standing.reached_by],
        has_errors=failed,
        status=422 if failed else 200,
    )
