"""The consultation: one page with banner, vitals, note, diagnoses and prescription; saved, signed, amended.

How a draft is saved and shown is in `drafting`, prescribing in `prescribing`.
"""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import PRESCRIBE, VIEW_RECORDS, WRITE_RECORDS
from app.domain.records.conditions import keep_diagnosis, list_conditions
from app.domain.records.errors import StaleRecord
from app.domain.records.models import RecordStatus
from app.domain.records.operations import (
    add_diagnosis,
    amend_record,
    make_primary,
    remove_diagnosis,
    start_consultation,
)
from app.domain.records.queries import OpenRecord, open_record
from app.domain.records.rules import LABELS, differing, note_from
from app.domain.records.signing import sign_record
from app.domain.records.templates import insert_template
from app.hospital import hospital
from app.hospital.consultation_panels import panels_for
from app.hospital.drafting import act_on_draft, add_medicine, fresh_form, show_draft, show_record_conflict
from app.hospital.forms.consultations import ConsultationForm
from app.hospital.forms.vitals import ReasonForm
from app.hospital.vitals_table import tabulate
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other

NOT_ADDED = _l("This medicine is not on the prescription yet. Add it, or sign without it.")


@hospital.post("/visits/<uuid:appointment_id>/consultation")
@requires(WRITE_RECORDS)
def consultations_start(appointment_id: UUID) -> BaseResponse:
    """Begin the consultation of a visit, or go on with it."""
    record = start_consultation(current_actor(), appointment_id)
    return see_other(url_for("hospital.consultations_show", record_id=record.id))


@hospital.get("/consultations/<uuid:record_id>")
@requires(VIEW_RECORDS)
def consultations_show(record_id: UUID) -> Response:
    """Show a record: its draft to the treating doctor to write in, to everybody else to read."""
    opened = open_record(current_actor(), record_id)
    if not _writes_here(opened):
        return _show_signed(opened, ReasonForm())
    form = fresh_form(opened)
    form.diagnosis_q.data = request.args.get("diagnosis_q", "")
    form.medicine_q.data = request.args.get("medicine_q", "")
    return show_draft(opened, form)


@hospital.post("/consultations/<uuid:record_id>")
@requires(WRITE_RECORDS)
def consultations_update(record_id: UUID) -> BaseResponse:
    """Save the draft: by its button, by itself while one types, or by Enter in a search.

    Enter in the fields of a medicine adds it, as its button would.
    """
    form = ConsultationForm()
    if request.form.get("act") == "enter" and form.has_item and current_actor().may(PRESCRIBE.code):
        return add_medicine(record_id, form)
    return act_on_draft(record_id, form, lambda: None, block="state")


@hospital.post("/consultations/<uuid:record_id>/diagnoses")
@requires(WRITE_RECORDS)
def consultations_add_diagnosis(record_id: UUID) -> BaseResponse:
    """Add the diagnosis whose button was pressed."""
    form = ConsultationForm()

    def add() -> None:
        add_diagnosis(current_actor(), record_id, request.form.get("code", ""))
        form.diagnosis_q.data = ""

    return act_on_draft(record_id, form, add, block="diagnoses")


@hospital.post("/consultations/<uuid:record_id>/diagnoses/<uuid:diagnosis_id>/remove")
@requires(WRITE_RECORDS)
def consultations_remove_diagnosis(record_id: UUID, diagnosis_id: UUID) -> BaseResponse:
    """Take a diagnosis off the draft."""
    return act_on_draft(
        record_id,
        ConsultationForm(),
        lambda: remove_diagnosis(current_actor(), record_id, diagnosis_id),
        block="diagnoses",
    )


@hospital.post("/consultations/<uuid:record_id>/diagnoses/<uuid:diagnosis_id>/primary")
@requires(WRITE_RECORDS)
def consultations_make_primary(record_id: UUID, diagnosis_id: UUID) -> BaseResponse:
    """Make a diagnosis the primary one."""
    return act_on_draft(
        record_id, ConsultationForm(), lambda: make_primary(current_actor(), record_id, diagnosis_id), block="diagnoses"
    )


@hospital.post("/consultations/<uuid:record_id>/template")
@requires(WRITE_RECORDS)
def consultations_insert_template(record_id: UUID) -> BaseResponse:
    """Put the chosen template's texts below those of the draft; what was typed is saved first."""
    form = ConsultationForm()

    def insert() -> None:
        chosen = parse_id(form.template.data or "")
        if chosen is None:
            raise InvalidValue(_l("Choose a template."), field="template")
        insert_template(current_actor(), record_id, chosen)

    return act_on_draft(record_id, form, insert, block="content", anchor="consultation")


@hospital.post("/consultations/<uuid:record_id>/problems")
@requires(WRITE_RECORDS)
def consultations_keep_problem(record_id: UUID) -> BaseResponse:
    """Put a diagnosis of the draft on the patient's problem list; what was typed is saved first."""

    def keep() -> None:
        keep_diagnosis(current_actor(), record_id, request.form.get("code", ""))

    return act_on_draft(record_id, ConsultationForm(), keep, block="content", anchor="problems")


@hospital.post("/consultations/<uuid:record_id>/sign")
@requires(WRITE_RECORDS)
def consultations_sign(record_id: UUID) -> BaseResponse:
    """Save and sign; what is missing is said at its field, as is a medicine that was written and not added."""
    form = ConsultationForm()
    if not form.validate_on_submit():
        return show_draft(open_record(current_actor(), record_id), form)
    if form.is_begun and request.form.get("leave_medicine") != "1" and current_actor().may(PRESCRIBE.code):
        opened = open_record(current_actor(), record_id)
        if opened.row.status is RecordStatus.DRAFT:  # of what is signed the operation says so
            form.add_error("medicine_q", InvalidValue(NOT_ADDED))
            return show_draft(opened, form)
    try:
        sign_record(
            current_actor(),
            record_id,
            version=form.version_number,
            was=form.was,
            note=form.note,
            seen=form.seen.data or "",
        )
    except InvalidValue as error:
        form.add_error("assessment", error)
        return show_draft(open_record(current_actor(), record_id), form)
    except StaleRecord as error:
        return show_record_conflict(record_id, form, error)
    flash(_("The record is signed. The patient can read it now."), "success")
    return see_other(url_for("hospital.consultations_show", record_id=record_id))


@hospital.post("/consultations/<uuid:record_id>/amend")
@requires(WRITE_RECORDS)
def consultations_amend(record_id: UUID) -> BaseResponse:
    """Begin a new version of a signed record."""
    form = ReasonForm()
    if not form.validate_on_submit():
        return _show_signed(open_record(current_actor(), record_id), form)
    draft = amend_record(current_actor(), record_id, form.reason.data)
    return see_other(url_for("hospital.consultations_show", record_id=draft.id))


def _show_signed(opened: OpenRecord, form: ReasonForm) -> Response:
    """Show a record to read: the signed one, an older version, or a colleague's draft."""
    person = find_principal()
    parent = next((each for each in opened.versions if each.id == opened.row.parent_id), None)
    changed = differing(note_from(parent), opened.note) if parent else []
    problems = list_conditions(opened.row.patient_id)
    return render(
        "hospital/consultations/show.html",
        opened=opened,
        record=opened.row,
        patient=opened.patient,
        vitals=tabulate(opened.patient, opened.vitals),
        panels=panels_for(opened, writing=False),
        parent=parent,
        changed=[LABELS[name] for name in changed],
        problems=problems,
        offered=[],
        may_amend=opened.row.is_current and person is not None and person.id == opened.row.doctor_id,
        open_draft=next((each for each in opened.versions if each.status is RecordStatus.DRAFT), None),
        newest=next((each for each in opened.versions if each.is_current), None),
        form=form,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _writes_here(opened: OpenRecord) -> bool:
    person = find_principal()
    return (
        person is not None
        and person.may(WRITE_RECORDS.code)
        and opened.row.status is RecordStatus.DRAFT
        and opened.row.doctor_id == person.id
    )
