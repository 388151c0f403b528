"""Emergency access: asked for on the page that refuses a patient, shown while it lasts, reviewed afterwards."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.logging import get_logger
from app.core.permissions import requires
from app.domain.access.emergency import (
    TooManyEmergencies,
    begin_emergency_access,
    describe_unreached,
    end_emergency_access,
    list_emergencies,
    open_emergency,
    review_emergency_access,
)
from app.domain.access.models import Verdict
from app.domain.access.reach import PatientOutOfReach
from app.domain.access.settings import EmergencySettings, change_emergency_settings, read_emergency_settings
from app.domain.identity.permissions import BREAK_GLASS, MANAGE_ROLES, REVIEW_BREAK_GLASS
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.emergency_access import VERDICT, EmergencyForm, EmergencySettingsForm, ReviewForm
from app.web.confirming import asks_again
from app.web.noting import note_denied
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other

log = get_logger(__name__)

declare_administration(
    "hospital.emergency_access_index",
    _l("Emergency access"),
    _l("Who opened a patient out of their care, why, and what was found"),
    REVIEW_BREAK_GLASS,
    40,
)


@hospital.errorhandler(PatientOutOfReach)
def _refused(error: PatientOutOfReach) -> Response:
    """Show that the patient is out of reach, with the way in for an emergency, and write the refusal down."""
    db.session.rollback()
    try:
        note_denied()
    except DBAPIError as failure:  # the refusal stands without its note
        log.error("refusal not noted", error=type(failure).__name__)
    return _ask(error.patient_id, EmergencyForm(formdata=None), status=403)


@hospital.get("/patients/<uuid:patient_id>/emergency-access")
@requires(BREAK_GLASS)
def emergency_access_new(patient_id: UUID) -> Response:
    """Ask why the patient must be seen now."""
    return _ask(patient_id, EmergencyForm(formdata=None))


@hospital.post("/patients/<uuid:patient_id>/emergency-access")
@requires(BREAK_GLASS)
def emergency_access_begin(patient_id: UUID) -> BaseResponse:
    """Open the patient for a while."""
    form = EmergencyForm()
    if not form.validate_on_submit():
        return _ask(patient_id, form, status=422)
    try:
        begin_emergency_access(current_actor(), patient_id, form.reason.data)
    except (InvalidValue, TooManyEmergencies) as error:
        form.add_error("reason", error)
        return _ask(patient_id, form, status=error.status)
    flash(_("The patient is open to you for a short time. Everything you open is recorded and reviewed."), "warning")
    return see_other(url_for("hospital.patients_show", patient_id=patient_id))


@hospital.post("/emergency-access/<uuid:emergency_id>/end")
@requires(BREAK_GLASS)
def emergency_access_end(emergency_id: UUID) -> BaseResponse:
    """Close one's own emergency access before its time."""
    end_emergency_access(current_actor(), emergency_id)
    flash(_("The emergency access has ended."), "success")
    return see_other(url_for("hospital.index"))


@hospital.get("/emergency-access")
@requires(REVIEW_BREAK_GLASS)
def emergency_access_index() -> Response:
    """Show what is to be reviewed, the overdue first, then what was."""
    page = list_emergencies(current_actor(), request.args.get("page", 1, type=int))
    return render("hospital/emergency_access/index.html", page=page, now=clock.now(), verdicts=VERDICT)


@hospital.get("/emergency-access/<uuid:emergency_id>")
@requires(REVIEW_BREAK_GLASS)
def emergency_access_show(emergency_id: UUID) -> Response:
    """Show one emergency access with what was opened under it."""
    return _show(emergency_id, ReviewForm(formdata=None))


@hospital.post("/emergency-access/<uuid:emergency_id>/review")
@requires(REVIEW_BREAK_GLASS)
def emergency_access_review(emergency_id: UUID) -> BaseResponse:
    """Write down what the reviewer found."""
    form = ReviewForm()
    if not form.validate_on_submit():
        return _show(emergency_id, form)
    verdict, note = Verdict(form.verdict.data), form.note.data or ""
    try:
        review_emergency_access(current_actor(), emergency_id, form.version_number, verdict, note)
    except InvalidValue as error:
        form.add_error("note", error)
        return _show(emergency_id, form)
    flash(_("Your review is saved."), "success")
    return see_other(url_for("hospital.emergency_access_index"))


@hospital.get("/emergency-access/settings")
@requires(MANAGE_ROLES)
def emergency_access_settings() -> Response:
    """Show the hospital's rules of emergency access."""
    settings, version = read_emergency_settings()
    return _show_settings(EmergencySettingsForm(formdata=None, obj=settings, version=str(version)))


@hospital.post("/emergency-access/settings")
@requires(MANAGE_ROLES)
@asks_again
def emergency_access_change_settings() -> BaseResponse:
    """Change the hospital's rules of emergency access."""
    form = EmergencySettingsForm()
    if not form.validate_on_submit():
        return _show_settings(form)
    settings = EmergencySettings(form.minutes.data, form.per_day.data, form.review_days.data)
    try:
        change_emergency_settings(current_actor(), form.version_number, settings)
    except InvalidValue as error:
        form.add_error("minutes", error)
        return _show_settings(form)
    flash(_("The rules are saved. They count for what is begun from now on."), "success")
    return see_other(url_for("hospital.emergency_access_settings"))


def _ask(patient_id: UUID, form: EmergencyForm, *, status: int = 200) -> Response:
    settings, _version = read_emergency_settings()
    return render(
        "hospital/emergency_access/new.html",
        status=status,
        patient=describe_unreached(patient_id),
        form=form,
        minutes=settings.minutes,
        has_errors=bool(form.errors),
    )


def _show(emergency_id: UUID, form: ReviewForm) -> Response:
    row, looks = open_emergency(current_actor(), emergency_id)
    form.version.data = form.version.data or str(row.version)
    person = find_principal()
    return render(
        "hospital/emergency_access/show.html",
        status=422 if form.errors else 200,
        row=row,
        looks=looks,
        form=form,
        is_own=person is not None and person.id == row.staff_id,
        now=clock.now(),
        verdicts=VERDICT,
        has_errors=bool(form.errors),
    )


def _show_settings(form: EmergencySettingsForm) -> Response:
    failed = bool(form.errors)
    return render(
        "hospital/emergency_access/settings.html", status=422 if failed else 200, form=form, has_errors=failed
    )
