"""Saving and showing a draft: every button of the consultation's page sends the whole form and comes through here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from flask import Response, flash, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _
from app.domain.prescriptions.operations import add_item
from app.domain.prescriptions.queries import search_medicines
from app.domain.records.conditions import list_conditions
from app.domain.records.errors import StaleRecord
from app.domain.records.models import ConditionStatus
from app.domain.records.operations import save_draft
from app.domain.records.queries import OpenRecord, open_record, reopen_record
from app.domain.records.rules import LABELS, NOTE_FIELDS, fingerprint
from app.domain.records.templates import offered_templates
from app.hospital.consultation_panels import panels_for
from app.hospital.diagnoses import find_diagnoses
from app.hospital.forms.consultations import ConsultationForm
from app.hospital.prescribing_facts import prescribing_facts
from app.hospital.vitals_table import tabulate
from app.web.conflicts import show_conflict
from app.web.principals import current_actor
from app.web.render import render, see_other, wants_fragment

EDIT = "hospital/consultations/edit.html"
ANCHORS = {"find-diagnosis": "diagnoses", "find-medicine": "prescription"}


def act_on_draft(
    record_id: UUID, form: ConsultationForm, act: Callable[[], None], *, block: str, anchor: str | None = None
) -> BaseResponse:
    """Save the draft as it is typed, do the act, and show the part of the page that changed.

    A wrong value keeps everything that was typed on the page; text that somebody else wrote meanwhile is a conflict.
    """
    if not form.validate_on_submit():
        return show_draft(open_record(current_actor(), record_id), form, block=block)
    try:
        save_draft(current_actor(), record_id, version=form.version_number, was=form.was, note=form.note)
        act()
    except InvalidValue as error:
        form.add_error("diagnosis_q", error)
        return show_draft(open_record(current_actor(), record_id), form, block=block)
    except StaleRecord as error:
        return show_record_conflict(record_id, form, error)
    if wants_fragment():
        return show_draft(reopen_record(current_actor(), record_id), form, block=block, saved=True)
    searches = {name: form._fields[name].data for name in ("diagnosis_q", "medicine_q") if form._fields[name].data}
    anchor = anchor or ANCHORS.get(request.form.get("act", ""), None if block == "state" else block)
    flash(_("Saved."), "success")
    return see_other(url_for("hospital.consultations_show", record_id=record_id, **searches, _anchor=anchor))


def show_draft(opened: OpenRecord, form: ConsultationForm, *, block: str = "content", saved: bool = False) -> Response:
    """Show the draft's page, or one part of it for htmx, with what is typed in the form."""
    stored = _state_of(opened)
    failed, fragment = bool(form.errors), block != "content" and wants_fragment()
    problems = [] if fragment else list_conditions(opened.row.patient_id)
    templates = [] if fragment else offered_templates(opened.row.department_id)
    form.offer_templates(templates)
    return render(
        EDIT,
        block=block,
        status=422 if failed else 200,
        form=form,
        opened=opened,
        record=opened.row,
        patient=opened.patient,
        vitals=tabulate(opened.patient, opened.vitals),
        problems=problems,
        offered=not_kept(opened, problems),
        templates=templates,
        panels=[] if fragment else panels_for(opened, writing=True),
        state=stored if saved or not failed else _kept_state(form),
        saved_at=opened.row.updated_at,
        found_diagnoses=find_diagnoses(form.diagnosis_q.data or ""),
        found_medicines=search_medicines(form.medicine_q.data or ""),
        prescribing=prescribing_facts(opened) if block in ("content", "prescription") else None,
        fragment=fragment,
        has_errors=failed,
    )


def not_kept(opened: OpenRecord, problems: Sequence[Any]) -> list[Any]:
    """Return the diagnoses of a record that are not on the patient's problem list as present."""
    kept = {row.code for row in problems if row.status is ConditionStatus.ACTIVE}
    return [row for row in opened.diagnoses if row.code not in kept]


def show_record_conflict(record_id: UUID, form: ConsultationForm, error: StaleRecord) -> Response:
    """Show mine and theirs to choose from; a save in the background only says so and keeps what is typed."""
    theirs, mine, was = error.theirs, form.note.normalised(), form.was.normalised()
    if wants_fragment():
        body = render_template("hospital/consultations/conflict_notice.html", record_id=record_id, theirs=theirs)
        response = make_response(body, 409)
        response.headers.update({"HX-Retarget": "#conflict", "HX-Reswap": "innerHTML"})
        return response
    notes = {name: {field: getattr(note, field) for field in NOTE_FIELDS} for name, note in
             (("was", was), ("mine", mine), ("theirs", theirs.note))}  # fmt: skip
    newest = {f"was_{name}": value for name, value in notes["theirs"].items()}
    return show_conflict(
        layout="layouts/hospital.html",
        title=_("This consultation was changed in another window"),
        changed_by=theirs.changed_by,
        changed_at=theirs.changed_at,
        action=url_for("hospital.consultations_update", record_id=record_id),
        view_url=url_for("hospital.consultations_show", record_id=record_id),
        labels=LABELS,
        was=notes["was"],
        mine=notes["mine"],
        theirs=notes["theirs"],
        hidden={"version": theirs.version, **newest},
    )


def fresh_form(opened: OpenRecord) -> ConsultationForm:
    """Return the form as it stands before anybody typed."""
    return ConsultationForm(formdata=None, **{name: getattr(opened.note, name) for name in NOTE_FIELDS})


def _state_of(opened: OpenRecord) -> dict[str, object]:
    """Return what the page must send back to prove what it has seen."""
    was = {f"was_{name}": getattr(opened.note, name) for name in NOTE_FIELDS}
    seen = fingerprint([(each.id, each.kind) for each in opened.diagnoses], [each.id for each in opened.items])
    return {"version": opened.row.version, "seen": seen, **was}


def _kept_state(form: ConsultationForm) -> dict[str, object]:
    names = ("version", "seen", *(f"was_{name}" for name in NOTE_FIELDS))
    return {name: form._fields[name].data or "" for name in names}


def add_medicine(record_id: UUID, form: ConsultationForm) -> BaseResponse:
    """Prescribe what the form holds."""
    item = form.read_item() if form.validate_on_submit() else None
    if item is None:
        return show_draft(open_record(current_actor(), record_id), form, block="prescription")
    medicine_id, dose, timing, quantity = item

    def add() -> None:
        add_item(
            current_actor(),
            record_id,
            medicine_id,
            dose=dose,
            meal_timing=timing,
            instructions=form.instructions.data,
            quantity=quantity,
        )
        form.forget_item()

    return act_on_draft(record_id, form, add, block="prescription")
