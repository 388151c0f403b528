"""Consents at the hospital: written down from paper at the desk, and the texts that patients read."""

from __future__ import annotations

import json
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_PRIVACY, REGISTER_PATIENTS
from app.domain.patients.queries import open_patient
from app.domain.privacy import words as said
from app.domain.privacy.consents import Standing, answer, list_history, list_texts, open_consents, publish_text
from app.domain.privacy.models import ConsentVia
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.privacy import ConsentTextForm, PaperConsentForm
from app.web.i18n import current_language
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.consents_texts",
    _l("Consents"),
    _l("What patients are asked, and in which words"),
    MANAGE_PRIVACY,
    65,
)


@hospital.route("/patients/<uuid:patient_id>/consents", methods=["GET", "POST"])
@requires(REGISTER_PATIENTS)
def consents_show(patient_id: UUID) -> BaseResponse:
    """Show what a patient has agreed to, and write down an answer from paper."""
    patient = open_patient(current_actor(), patient_id, "consent.view")
    standing = open_consents(current_actor(), patient_id)
    form = _paper_form(standing)
    if form.validate_on_submit() and (signed_on := form.read_day()) is not None:
        try:
            read = int(json.loads(form.numbers.data or "{}").get(form.purpose.data, 0))
        except (ValueError, AttributeError, TypeError, OverflowError):
            raise NotFound from None
        try:
            answer(
                current_actor(), patient_id, form.purpose.data, form.answer, read, via=ConsentVia.PAPER,
                signed_on=signed_on,
            )  # fmt: skip
        except Conflict as error:
            form.add_error("purpose", error)
        else:
            flash(_("The answer is written down; it counts from now on."), "success")
            return see_other(url_for("hospital.consents_show", patient_id=patient_id))
    failed = bool(form.errors)
    form.numbers.data = json.dumps({one.code: one.number for one in standing})
    return render(
        "hospital/consents/show.html",
        patient=patient,
        standing=standing,
        history=list_history(patient_id),
        form=form,
        said=said,
        has_errors=failed,
        status=422 if failed else 200,
    )


@hospital.get("/consent-texts")
@requires(MANAGE_PRIVACY)
def consents_texts() -> Response:
    """Show the texts that stand."""
    return render("hospital/consents/texts.html", texts=list_texts())


@hospital.route("/consent-texts/edit", methods=["GET", "POST"])
@requires(MANAGE_PRIVACY)
def consents_edit() -> BaseResponse:
    """Write a new version of a text, which asks everybody again."""
    wanted = request.values.get("purpose", "")
    text = next((one for one in list_texts() if one.code == wanted), None)
    if text is None:
        raise NotFound
    form = ConsentTextForm(
        purpose=text.code,
        number=text.number,
        title=text.title,
        body=text.body,
        title_en=text.title_en,
        body_en=text.body_en,
    )
    if form.validate_on_submit():
        try:
            publish_text(
                current_actor(), text.code, form.number.data, title=form.title.data, title_en=form.title_en.data,
                body=form.body.data, body_en=form.body_en.data,
            )  # fmt: skip
        except (Conflict, InvalidValue) as error:
            form.add_error("title", error)
        else:
            flash(_("The new text stands. Patients are asked again."), "success")
            return see_other(url_for("hospital.consents_texts"))
    failed = bool(form.errors)
    return render("hospital/consents/edit.html", form=form, text=text, has_errors=failed, status=422 if failed else 200)


def _paper_form(standing: list[Standing]) -> PaperConsentForm:
    form = PaperConsentForm()
    english = current_language() == "en"
    form.purpose.choices = [SelectChoice(one.code, one.title_en if english else one.title) for one in standing]
    return form
