"""A patient's photograph: looked at, taken, changed, taken away."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from flask_wtf.file import FileField
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.objects.interface import NoObject
from app.core.permissions import requires
from app.domain.files.keeping import read_content
from app.domain.files.receiving import LARGEST_REQUEST, MOST_MB
from app.domain.identity.permissions import REGISTER_PATIENTS, VIEW_PATIENTS
from app.domain.patients.errors import PatientNotFound
from app.domain.patients.photos import change_photo, find_photo, remove_photo
from app.domain.patients.queries import open_patient
from app.hospital import hospital
from app.web.forms import Form
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.served import serve_sent
from app.web.uploads import takes_files


class PhotoForm(Form):
    """A photograph of a patient."""

    file = FileField(_l("Photograph"))


@hospital.get("/patients/<uuid:patient_id>/photo")
@requires(REGISTER_PATIENTS)
def photos_edit(patient_id: UUID) -> Response:
    """Show the photograph and ask for another."""
    return _show(patient_id, PhotoForm(formdata=None))


@hospital.post("/patients/<uuid:patient_id>/photo")
@requires(REGISTER_PATIENTS)
@takes_files(LARGEST_REQUEST)
def photos_change(patient_id: UUID) -> BaseResponse:
    """Keep a photograph of the patient."""
    form = PhotoForm()
    try:
        change_photo(current_actor(), patient_id, form.file.data or None)
    except InvalidValue as error:
        form.add_error("file", error)
        return _show(patient_id, form)
    flash(_("The photograph is kept."), "success")
    return see_other(url_for("hospital.photos_edit", patient_id=patient_id))


@hospital.post("/patients/<uuid:patient_id>/photo/remove")
@requires(REGISTER_PATIENTS)
def photos_remove(patient_id: UUID) -> BaseResponse:
    """Take the photograph away."""
    remove_photo(current_actor(), patient_id)
    flash(_("The photograph is destroyed."), "success")
    return see_other(url_for("hospital.photos_edit", patient_id=patient_id))


@hospital.get("/patients/<uuid:patient_id>/photo/image")
@requires(VIEW_PATIENTS)
def photos_show(patient_id: UUID) -> Response:
    """Answer with the photograph itself, to whoever may see the patient."""
    patient = open_patient(current_actor(), patient_id, "patient.photo", VIEW_PATIENTS)
    photo = find_photo(patient_id)
    if photo is None:
        raise PatientNotFound
    try:
        return serve_sent(f"{patient.code}.jpg", read_content(photo.sha256), photo.media_type)
    except NoObject:  # its content is not in its place yet, or is lost
        raise PatientNotFound from None


def _show(patient_id: UUID, form: PhotoForm) -> Response:
    patient = open_patient(current_actor(), patient_id, "patient.edit", REGISTER_PATIENTS)
    return render(
        "hospital/photos/edit.html",
        status=422 if form.errors else 200,
        patient=patient,
        form=form,
        photo=find_photo(patient_id),
        most=MOST_MB,
        has_errors=bool(form.errors),
    )
