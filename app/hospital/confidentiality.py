"""Whose data is open to treating staff only."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.access.confidentiality import LONGEST_REASON, change_confidentiality
from app.domain.identity.permissions import MANAGE_CONFIDENTIALITY
from app.domain.patients.models import Confidentiality
from app.domain.patients.queries import open_patient
from app.hospital import hospital
from app.hospital.forms.emergency_access import VersionedForm
from app.web.principals import current_actor
from app.web.render import render, see_other

WORDS = {
    Confidentiality.NORMAL: _l("Normal: open as far as each role reaches"),
    Confidentiality.RESTRICTED: _l("Confidential: open to those who treat the patient"),
}


class ConfidentialityForm(VersionedForm):
    """How far the patient's data is open, and why it changes."""

    confidentiality = RadioField(
        _l("Confidentiality"),
        choices=[SelectChoice(kind.value, label) for kind, label in WORDS.items()],
        validators=[DataRequired(_l("Choose one of the two."))],
    )
    reason = StringField(
        _l("Reason"),
        validators=[
            DataRequired(_l("Write why, in at most %(most)s characters.", most=LONGEST_REASON)),
            Length(max=LONGEST_REASON, message=_l("This text is too long.")),
        ],
    )


@hospital.get("/patients/<uuid:patient_id>/confidentiality")
@requires(MANAGE_CONFIDENTIALITY)
def confidentiality_edit(patient_id: UUID) -> Response:
    """Show how far the patient's data is open."""
    return _show(patient_id, ConfidentialityForm(formdata=None))


@hospital.post("/patients/<uuid:patient_id>/confidentiality")
@requires(MANAGE_CONFIDENTIALITY)
def confidentiality_update(patient_id: UUID) -> BaseResponse:
    """Change how far the patient's data is open."""
    form = ConfidentialityForm()
    if not form.validate_on_submit():
        return _show(patient_id, form)
    wanted = Confidentiality(form.confidentiality.data)
    change_confidentiality(current_actor(), patient_id, form.version_number, wanted, form.reason.data)
    flash(_("The confidentiality is saved."), "success")
    return see_other(url_for("hospital.confidentiality_edit", patient_id=patient_id))


def _show(patient_id: UUID, form: ConfidentialityForm) -> Response:
    patient = open_patient(current_actor(), patient_id, "patient.confidentiality", MANAGE_CONFIDENTIALITY)
    form.confidentiality.data = form.confidentiality.data or patient.confidentiality.value
    form.version.data = form.version.data or str(patient.version)
    return render(
        "hospital/confidentiality/edit.html",
        status=422 if form.errors else 200,
        patient=patient,
        form=form,
        has_errors=bool(form.errors),
    )
