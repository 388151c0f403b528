"""A patient's problem list: read by whom records are open to, kept by doctors."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue, Text
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_RECORDS, WRITE_RECORDS
from app.domain.patients.queries import open_patient
from app.domain.records.conditions import (
    StaleCondition,
    add_condition,
    change_condition,
    format_onset,
    get_condition,
    list_conditions,
    list_struck,
    strike_condition,
)
from app.domain.records.models import ConditionStatus
from app.hospital import hospital
from app.hospital.diagnoses import find_diagnoses
from app.hospital.forms.conditions import ConditionForm, FactsForm
from app.hospital.forms.vitals import ReasonForm
from app.hospital.patient_tabs import declare_patient_tab
from app.hospital.wording import CONDITION_STATUS
from app.web.conflicts import show_conflict
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_patient_tab("hospital.conditions_index", _l("Problems"), VIEW_RECORDS, position=10)
LABELS: dict[str, Text] = {"status": _l("State"), "onset": _l("Since"), "note": _l("Note")}


@hospital.get("/patients/<uuid:patient_id>/conditions")
@requires(VIEW_RECORDS)
def conditions_index(patient_id: UUID) -> Response:
    """Show a patient's problems, and to doctors the form for a new one."""
    form = ConditionForm(formdata=None, diagnosis_q=request.args.get("diagnosis_q", ""))
    return _show_list(patient_id, form)


@hospital.post("/patients/<uuid:patient_id>/conditions")
@requires(VIEW_RECORDS, WRITE_RECORDS)
def conditions_create(patient_id: UUID) -> BaseResponse:
    """Put a problem on the list, or search the ICD-10 for it."""
    form = ConditionForm()
    facts = form.read() if form.validate_on_submit() else None
    if facts is None:
        return _show_list(patient_id, form)
    code = request.form.get("code", "").strip()
    if form.diagnosis_q.data and not code and not form.title.data:
        return _show_list(patient_id, form)
    try:
        condition = add_condition(
            current_actor(), patient_id, code=code or None, title=form.title.data or "", facts=facts
        )
    except InvalidValue as error:
        form.add_error("title", error)
        return _show_list(patient_id, form)
    flash(_("“%(title)s” is on the problem list.", title=condition.title), "success")
    return see_other(url_for("hospital.conditions_index", patient_id=patient_id))


@hospital.get("/conditions/<uuid:condition_id>")
@requires(VIEW_RECORDS, WRITE_RECORDS)
def conditions_edit(condition_id: UUID) -> Response:
    """Ask how a problem stands now."""
    condition = get_condition(condition_id)
    return _show_form(condition, FactsForm(**_values_of(condition), version=str(condition.version)), ReasonForm())


@hospital.post("/conditions/<uuid:condition_id>")
@requires(VIEW_RECORDS, WRITE_RECORDS)
def conditions_update(condition_id: UUID) -> BaseResponse:
    """Say anew how a problem stands."""
    form = FactsForm()
    facts = form.read() if form.validate_on_submit() else None
    if facts is None:
        return _show_form(get_condition(condition_id), form, ReasonForm(formdata=None))
    try:
        condition = change_condition(current_actor(), condition_id, form.version_number, facts)
    except InvalidValue as error:
        form.add_error("onset", error)
        return _show_form(get_condition(condition_id), form, ReasonForm(formdata=None))
    except StaleCondition as error:
        return _show_conflict(form, error.theirs)
    flash(_("Saved."), "success")
    return see_other(url_for("hospital.conditions_index", patient_id=condition.patient_id))


@hospital.post("/conditions/<uuid:condition_id>/strike")
@requires(VIEW_RECORDS, WRITE_RECORDS)
def conditions_strike(condition_id: UUID) -> BaseResponse:
    """Strike out what was entered by mistake."""
    reason = ReasonForm()
    if not reason.validate_on_submit():
        found = get_condition(condition_id)
        form = FactsForm(formdata=None, **_values_of(found), version=str(found.version))
        return _show_form(found, form, reason)
    condition = strike_condition(current_actor(), condition_id, reason.version_number, reason.reason.data)
    flash(_("“%(title)s” is struck out. It stays in the file with your reason.", title=condition.title), "success")
    return see_other(url_for("hospital.conditions_index", patient_id=condition.patient_id))


def _values_of(condition: Any) -> dict[str, str]:
    return {
        "status": ConditionStatus(condition.status).value,
        "onset": format_onset(condition.onset),
        "note": condition.note or "",
    }


def _show_list(patient_id: UUID, form: ConditionForm) -> Response:
    patient = open_patient(current_actor(), patient_id, "conditions.view", VIEW_RECORDS)
    return render(
        "hospital/conditions/index.html",
        patient=patient,
        form=form,
        conditions=list_conditions(patient_id),
        struck=list_struck(patient_id),
        found=find_diagnoses(form.diagnosis_q.data or ""),
        since=format_onset,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_form(condition: Any, form: FactsForm, reason: ReasonForm) -> Response:
    patient = open_patient(current_actor(), condition.patient_id, "conditions.view", WRITE_RECORDS)
    failed = bool(form.errors or reason.errors)
    return render(
        "hospital/conditions/form.html",
        patient=patient,
        condition=condition,
        form=form,
        reason_form=reason,
        has_errors=failed,
        status=422 if failed else 200,
    )


def _show_conflict(form: FactsForm, theirs: Any) -> Response:
    words = {status.value: str(label) for status, label in CONDITION_STATUS.items()}
    mine = {"status": form.status.data or "", "onset": form.onset.data or "", "note": form.note.data or ""}
    return show_conflict(
        layout="layouts/hospital.html",
        title=_("Two people have changed the problem “%(title)s”", title=theirs.title),
        changed_by=theirs.updated_by_name or "",
        changed_at=theirs.updated_at,
        action=url_for("hospital.conditions_update", condition_id=theirs.id),
        view_url=url_for("hospital.conditions_index", patient_id=theirs.patient_id),
        labels=LABELS,
        was={},
        mine=mine,
        theirs=_values_of(theirs),
        hidden={"version": theirs.version},
        shown=lambda name, value: words.get(value, value) if name == "status" else value,
    )
