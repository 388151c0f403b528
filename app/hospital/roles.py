"""The hospital's roles: listed, made, changed, set back, removed. Two people at once choose what shall stand."""

from __future__ import annotations

import json
from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue, Text
from app.core.i18n import _, _l
from app.core.permissions import FieldAccess, Scope, list_permissions, requires
from app.domain.access.fields import list_fields
from app.domain.identity.last_administrator import LastAdministrator
from app.domain.identity.permissions import MANAGE_ROLES
from app.domain.identity.roles import (
    Loss,
    OpenRole,
    RoleContent,
    StaleRole,
    TakesAway,
    create_role,
    get_role,
    loss_between,
    preset_of,
    remove_role,
    update_role,
)
from app.domain.identity.who_can import list_holders, list_roles
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.emergency_access import VersionedForm
from app.hospital.forms.roles import ACCESS, FIELD_SUBJECT, SCOPE, RoleForm, choices_of, field_groups, form_values
from app.web.confirming import asks_again
from app.web.conflicts import show_conflict
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.roles_index",
    _l("Roles"),
    _l("What doctors, nurses, desk and others may do, with whose data, and what they see of it"),
    MANAGE_ROLES,
    20,
)


@hospital.get("/roles")
@requires(MANAGE_ROLES)
def roles_index() -> Response:
    """Show the hospital's roles."""
    return render("hospital/roles/index.html", roles=list_roles(), scopes=SCOPE)


@hospital.get("/roles/new")
@requires(MANAGE_ROLES)
def roles_new() -> Response:
    """Ask what a new role may do."""
    content = RoleContent("", fields=dict.fromkeys((entry.code for entry in list_fields()), FieldAccess.HIDDEN))
    return _show(RoleForm(formdata=None, scope=Scope.TREATING.value), content)


@hospital.post("/roles")
@requires(MANAGE_ROLES)
@asks_again
def roles_create() -> BaseResponse:
    """Make a role."""
    form = RoleForm()
    if not form.validate_on_submit():
        return _show(form, _typed(form))
    try:
        role = create_role(current_actor(), form.content)
    except InvalidValue as error:
        form.add_error("name", error)
        return _show(form, form.content)
    flash(_("The role is made. Give it to people on their pages."), "success")
    return see_other(url_for("hospital.roles_edit", role_id=role.id))


@hospital.get("/roles/<uuid:role_id>")
@requires(MANAGE_ROLES)
def roles_edit(role_id: UUID) -> Response:
    """Show a role and who has it."""
    role = get_role(role_id)
    values = form_values(role.content)
    form = RoleForm(formdata=None, name=role.content.name, scope=role.content.scope.value)
    form.version.data, form.was.data = str(role.version), json.dumps(values)
    return _show(form, role.content, role)


@hospital.post("/roles/<uuid:role_id>")
@requires(MANAGE_ROLES)
@asks_again
def roles_update(role_id: UUID) -> BaseResponse:
    """Change a role for everybody who has it; what people would lose must be confirmed."""
    form = RoleForm()
    if not form.validate_on_submit():
        return _show(form, _typed(form), get_role(role_id))
    return _save(role_id, form, form.content)


@hospital.post("/roles/<uuid:role_id>/reset")
@requires(MANAGE_ROLES)
@asks_again
def roles_reset(role_id: UUID) -> BaseResponse:
    """Set a role back to what every hospital starts with."""
    form, role = VersionedForm(), get_role(role_id)
    preset = preset_of(role)
    if preset is None:
        raise Conflict(_l("This role is the hospital's own; there is nothing to set it back to."))
    update_role(current_actor(), role_id, form.version_number, preset, knowingly=True)
    flash(_("The role is as every hospital starts with it."), "success")
    return see_other(url_for("hospital.roles_edit", role_id=role_id))


@hospital.post("/roles/<uuid:role_id>/remove")
@requires(MANAGE_ROLES)
@asks_again
def roles_remove(role_id: UUID) -> BaseResponse:
    """Remove a role that nobody has."""
    remove_role(current_actor(), role_id, VersionedForm().version_number)
    flash(_("The role is removed."), "success")
    return see_other(url_for("hospital.roles_index"))


def _save(role_id: UUID, form: RoleForm, content: RoleContent) -> BaseResponse:
    try:
        update_role(current_actor(), role_id, form.version_number, content, knowingly=form.knowingly.data)
    except TakesAway as error:
        form.add_error("knowingly", error)
        return _show(form, content, get_role(role_id), loss=error.loss)
    except InvalidValue as error:
        form.add_error("name", error)
        return _show(form, content, get_role(role_id))
    except LastAdministrator as error:
        form.name.errors = [error.message]
        return _show(form, content, get_role(role_id), status=error.status)
    except StaleRole as error:
        return _show_conflict(form, content, error.theirs)
    flash(_("The role is saved. It counts from the next page of everybody who has it."), "success")
    return see_other(url_for("hospital.roles_edit", role_id=role_id))


def _typed(form: RoleForm) -> RoleContent:
    """Return what a form holds that is not valid, to be shown again."""
    if form.scope.data not in set(Scope):
        form.scope.data = Scope.TREATING.value
    return form.content


def _show(
    form: RoleForm,
    content: RoleContent,
    role: OpenRole | None = None,
    *,
    loss: Loss | None = None,
    status: int | None = None,
) -> Response:
    preset = preset_of(role) if role else None
    return render(
        "hospital/roles/edit.html",
        status=status or (422 if form.errors else 200),
        form=form,
        chosen=choices_of(content),
        groups=field_groups(),
        role=role,
        loss=loss,
        lost=_lost_words(loss) if loss else [],
        holders=list_holders(role.id) if role else [],
        is_changed=preset is not None and role is not None and role.content != preset,
        reset_loss=_lost_words(loss_between(role.content, preset)) if role and preset else [],
        has_errors=bool(form.errors),
    )


def _lost_words(loss: Loss) -> list[Text]:
    """Say what is lost, a line for each."""
    lines = [entry.title for entry in list_permissions("hospital") if entry.code in loss.permissions]
    if loss.scope:
        lines.append(_("With fewer patients than before"))
    lines += [
        _("Less of the field “%(field)s”", field=f"{FIELD_SUBJECT[entry.subject]}: {entry.title}")
        for entry in list_fields()
        if entry.code in loss.fields
    ]
    return lines


def _show_conflict(form: RoleForm, content: RoleContent, theirs: OpenRole) -> Response:
    newest = form_values(theirs.content)
    labels: dict[str, Text] = {"name": _l("Name of the role"), "scope": _l("With whose data")}
    labels["permissions"] = _l("Permissions")
    labels |= {f"access.{entry.code}": f"{FIELD_SUBJECT[entry.subject]}: {entry.title}" for entry in list_fields()}
    return show_conflict(
        layout="layouts/hospital.html",
        title=_("%(name)s: two people have changed the role", name=theirs.content.name),
        changed_by=theirs.updated_by_name,
        changed_at=theirs.updated_at,
        action=url_for("hospital.roles_update", role_id=theirs.id),
        view_url=url_for("hospital.roles_edit", role_id=theirs.id),
        labels=labels,
        was=form.began_with,
        mine=form_values(content),
        theirs=newest,
        hidden={"version": theirs.version, "was": json.dumps(newest)},
        shown=show_value,
    )


def show_value(name: str, value: str) -> Text:
    """Say a value of the form in words."""
    if name == "scope" and value in set(Scope):
        return SCOPE[Scope(value)]
    if name == "permissions":
        held = set(value.split())
        return "\n".join(str(entry.title) for entry in list_permissions("hospital") if entry.code in held)
    if value in set(FieldAccess):
        return ACCESS[FieldAccess(value)]
    return value
