"""Templates of notes as the hospital keeps them: listed by speciality, changed, taken out of use."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_TEMPLATES
from app.domain.identity.staff_queries import list_departments
from app.domain.records.rules import LABELS, NOTE_FIELDS
from app.domain.records.templates import (
    StaleTemplate,
    TemplateValues,
    create_template,
    get_template,
    list_templates,
    retire_template,
    update_template,
)
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.record_templates import TemplateForm
from app.web.conflicts import show_conflict
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.record_templates_index",
    _l("Templates of notes"),
    _l("What doctors of each speciality begin their notes with"),
    MANAGE_TEMPLATES,
    34,
)


@hospital.get("/record-templates")
@requires(MANAGE_TEMPLATES)
def record_templates_index() -> Response:
    """List the templates."""
    return render("hospital/record_templates/index.html", templates=list_templates())


@hospital.get("/record-templates/new")
@requires(MANAGE_TEMPLATES)
def record_templates_new() -> Response:
    """Ask for a new template."""
    return _show_form(TemplateForm())


@hospital.post("/record-templates")
@requires(MANAGE_TEMPLATES)
def record_templates_create() -> BaseResponse:
    """Make a template."""
    form = TemplateForm()
    if not form.validate_on_submit():
        return _show_form(form)
    try:
        template = create_template(current_actor(), form.values)
    except InvalidValue as error:
        form.add_error("name", error)
        return _show_form(form)
    flash(_("The template “%(name)s” is saved.", name=template.name), "success")
    return see_other(url_for("hospital.record_templates_index"))


@hospital.get("/record-templates/<uuid:template_id>")
@requires(MANAGE_TEMPLATES)
def record_templates_edit(template_id: UUID) -> Response:
    """Ask what is to be changed."""
    template = get_template(template_id)
    values = _values_of(template)
    return _show_form(TemplateForm(**values, version=str(template.version), was=json.dumps(values)), template)


@hospital.post("/record-templates/<uuid:template_id>")
@requires(MANAGE_TEMPLATES)
def record_templates_update(template_id: UUID) -> BaseResponse:
    """Change a template, or show the conflict where somebody else has meanwhile."""
    form = TemplateForm()
    if not form.validate_on_submit():
        return _show_form(form, get_template(template_id))
    try:
        update_template(current_actor(), template_id, form.version_number, form.values)
    except InvalidValue as error:
        form.add_error("name", error)
        return _show_form(form, get_template(template_id))
    except StaleTemplate as error:
        return _show_conflict(form, template_id, error.theirs)
    flash(_("The template is saved. Notes made from it stay as they are."), "success")
    return see_other(url_for("hospital.record_templates_index"))


@hospital.post("/record-templates/<uuid:template_id>/retire")
@requires(MANAGE_TEMPLATES)
def record_templates_retire(template_id: UUID) -> BaseResponse:
    """Offer a template no longer, or again."""
    version, back = request.form.get("version", 0, type=int), bool(request.form.get("back"))
    try:
        template = retire_template(current_actor(), template_id, version, back=back)
    except InvalidValue as error:
        flash(error.message, "danger")
    else:
        said = _("“%(name)s” is offered again.") if back else _("“%(name)s” is no longer offered.")
        flash(said % {"name": template.name}, "success")
    return see_other(url_for("hospital.record_templates_index"))


def _values_of(template: Any) -> dict[str, str]:
    texts = {name: getattr(template, name) for name in NOTE_FIELDS}
    return {"name": template.name, "department": str(template.department_id or ""), **texts}


def _sent(values: TemplateValues) -> dict[str, str]:
    note = values.note.normalised()
    texts = {name: getattr(note, name) for name in NOTE_FIELDS}
    return {"name": values.name, "department": str(values.department_id or ""), **texts}


def _show_form(form: TemplateForm, template: Any = None) -> Response:
    form.offer(list_departments())
    return render(
        "hospital/record_templates/form.html",
        form=form,
        edited=template,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_conflict(form: TemplateForm, template_id: UUID, theirs: Any) -> Response:
    departments = {"": _("Every speciality"), **{str(own): name for own, name in list_departments()}}
    newest = _values_of(theirs)
    return show_conflict(
        layout="layouts/hospital.html",
        title=_("Two people have changed the template “%(name)s”", name=theirs.name),
        changed_by=theirs.updated_by_name or "",
        changed_at=theirs.updated_at,
        action=url_for("hospital.record_templates_update", template_id=template_id),
        view_url=url_for("hospital.record_templates_edit", template_id=template_id),
        labels={"name": _l("Name"), "department": _l("Speciality"), **LABELS},
        was=_began_with(form),
        mine=_sent(form.values),
        theirs=newest,
        hidden={"version": theirs.version, "was": json.dumps(newest)},
        shown=lambda name, value: departments.get(value, value) if name == "department" else value,
    )


def _began_with(form: TemplateForm) -> dict[str, str]:
    try:
        found = json.loads(form.was.data or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
