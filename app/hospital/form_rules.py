"""The hospital's own rules for the patient form: written as JSON Schema, tried before they hold."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import TextAreaField
from wtforms.validators import DataRequired

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_FORM_RULES
from app.domain.patients.form_rules import LONGEST, change_form_rules, parse_schema, read_form_rules
from app.domain.patients.form_rules_trial import Trial, try_rules
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.emergency_access import VersionedForm
from app.hospital.patients import LABELS
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.form_rules_edit",
    _l("Rules for the patient form"),
    _l("What this hospital wants filled in, beside what always holds"),
    MANAGE_FORM_RULES,
    34,
)

EXAMPLE: dict[str, Any] = {
    "required": ["phone"],
    "if": {"properties": {"age": {"maximum": 15}}},
    "then": {"required": ["street"], "x-message": "Trẻ em dưới 16 tuổi cần có địa chỉ."},
}


class FormRulesForm(VersionedForm):
    """The rules as JSON."""

    schema = TextAreaField(_l("Rules (JSON Schema 2020-12)"), validators=[DataRequired(_l("Write {} for no rules."))])


@hospital.get("/form-rules")
@requires(MANAGE_FORM_RULES)
def form_rules_edit() -> Response:
    """Show the rules that hold."""
    schema, version = read_form_rules()
    text = json.dumps(schema, ensure_ascii=False, indent=2)
    return _show(FormRulesForm(formdata=None, schema=text, version=str(version)))


@hospital.post("/form-rules/try")
@requires(MANAGE_FORM_RULES)
def form_rules_try() -> Response:
    """Show what the rules would say of the patients registered last, without putting them in place."""
    form = FormRulesForm()
    if not form.validate_on_submit():
        return _show(form)
    try:
        schema = parse_schema(form.schema.data)
    except InvalidValue as error:
        form.add_error("schema", error)
        return _show(form)
    return _show(form, trial=try_rules(schema))


@hospital.post("/form-rules")
@requires(MANAGE_FORM_RULES)
def form_rules_update() -> BaseResponse:
    """Put the rules in place."""
    form = FormRulesForm()
    if not form.validate_on_submit():
        return _show(form)
    try:
        change_form_rules(current_actor(), form.version_number, form.schema.data)
    except InvalidValue as error:
        form.add_error("schema", error)
        return _show(form)
    flash(_("The rules hold for whatever is saved from now on."), "success")
    return see_other(url_for("hospital.form_rules_edit"))


def _show(form: FormRulesForm, trial: Trial | None = None) -> Response:
    return render(
        "hospital/form_rules/edit.html",
        status=422 if form.errors else 200,
        form=form,
        trial=trial,
        labels=LABELS,
        example=json.dumps(EXAMPLE, ensure_ascii=False, indent=2),
        most=LONGEST,
        has_errors=bool(form.errors),
    )
