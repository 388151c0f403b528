"""Operators: listed, invited, given a role, closed and opened again, unlocked."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.operators import NewOperatorForm, ReasonForm, RoleForm
from app.core.errors import Conflict, InvalidValue, Text
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.closing import disable_account, enable_account, unlock_account
from app.domain.identity.invitations import find_open_invitation, invite
from app.domain.identity.operators import change_role, get_operator, invite_operator, list_operators
from app.domain.identity.permissions import MANAGE_OPERATORS, OPERATOR_ROLES
from app.domain.identity.second_factor import factors_of, reset_second_factor
from app.domain.identity.staff_queries import AccountState, state_of
from app.tenancy.models import PlatformUser
from app.tenancy.paging import page_number
from app.web.confirming import asks_again
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

STATES: dict[AccountState, tuple[Text, str]] = {
    AccountState.ACTIVE: (_l("Active"), "success"),
    AccountState.INVITED: (_l("Invited"), "info"),
    AccountState.SLOWED_DOWN: (_l("Slowed down"), "warning"),
    AccountState.DISABLED: (_l("Disabled"), "neutral"),
}

declare_menu("admin.operators_index", _l("Operators"), "users", MANAGE_OPERATORS, 85)


@admin.get("/operators")
@requires(MANAGE_OPERATORS)
def operators_index() -> Response:
    """List who operates the platform."""
    text = request.args.get("q", "").strip()
    page = list_operators(text, page_number(request.args.get("page")))
    return render("admin/operators/index.html", page=page, text=text, states=STATES, titles=OPERATOR_ROLES)


@admin.get("/operators/new")
@requires(MANAGE_OPERATORS)
def operators_new() -> Response:
    """Ask who is invited."""
    form = NewOperatorForm(formdata=None)
    form.offer()
    return _form_page(form)


@admin.post("/operators")
@requires(MANAGE_OPERATORS)
@asks_again
def operators_create() -> BaseResponse:
    """Make the account and send the invitation."""
    form = NewOperatorForm()
    form.offer()
    if not form.validate():
        return _form_page(form, 422)
    try:
        user = invite_operator(
            current_actor(),
            username=form.username.data,
            full_name=form.full_name.data,
            email=form.email.data,
            role=form.chosen,
        )
    except InvalidValue as error:
        form.add_error("username", error)
        return _form_page(form, 422)
    flash(_("%(name)s is invited by e-mail.", name=user.full_name), "success")
    return see_other(url_for("admin.operators_show", user_id=user.id))


@admin.get("/operators/<uuid:user_id>")
@requires(MANAGE_OPERATORS)
def operators_show(user_id: UUID) -> Response:
    """Show an operator's account and what can be done with it."""
    return _show(get_operator(user_id))


@admin.post("/operators/<uuid:user_id>/role")
@requires(MANAGE_OPERATORS)
@asks_again
def operators_change_role(user_id: UUID) -> BaseResponse:
    """Give another role; the operator is signed out."""
    user, form = get_operator(user_id), RoleForm()
    form.offer()
    if not form.validate():
        return _show(user, role=form, status=422)
    try:
        change_role(current_actor(), user_id, form.chosen)
    except Conflict as error:
        form.add_error("role", error)
        return _show(user, role=form, status=error.status)
    flash(_("The role is changed."), "success")
    return _back(user_id)


@admin.post("/operators/<uuid:user_id>/disable")
@requires(MANAGE_OPERATORS)
@asks_again
def operators_disable(user_id: UUID) -> BaseResponse:
    """Close the account at once."""
    user, form = get_operator(user_id), ReasonForm()
    try:
        if not form.validate():
            return _show(user, disabling=form, status=422)
        disable_account(current_actor(), user, form.reason.data)
    except (InvalidValue, Conflict) as error:
        form.add_error("reason", error)
        return _show(user, disabling=form, status=error.status)
    flash(_("The account is disabled, and signed out everywhere."), "success")
    return _back(user_id)


@admin.post("/operators/<uuid:user_id>/enable")
@requires(MANAGE_OPERATORS)
@asks_again
def operators_enable(user_id: UUID) -> BaseResponse:
    """Open a closed account again."""
    enable_account(current_actor(), get_operator(user_id))
    flash(_("The account is enabled."), "success")
    return _back(user_id)


@admin.post("/operators/<uuid:user_id>/unlock")
@requires(MANAGE_OPERATORS)
def operators_unlock(user_id: UUID) -> BaseResponse:
    """Let somebody try again at once."""
    unlock_account(current_actor(), get_operator(user_id))
    flash(_("The next sign-in need not wait any more."), "success")
    return _back(user_id)


@admin.post("/operators/<uuid:user_id>/invite")
@requires(MANAGE_OPERATORS)
@asks_again
def operators_invite(user_id: UUID) -> BaseResponse:
    """Send a new invitation; the one before ends."""
    user = get_operator(user_id)
    try:
        invite(current_actor(), user)
    except InvalidValue as error:
        flash(error.message, "danger")
    else:
        flash(_("A new invitation is on its way to %(address)s.", address=user.email), "success")
    return _back(user_id)


@admin.post("/operators/<uuid:user_id>/reset-second-factor")
@requires(MANAGE_OPERATORS)
@asks_again
def operators_reset_factor(user_id: UUID) -> BaseResponse:
    """Take the second factor away from somebody who lost it; the next sign-in sets up a new one."""
    user, form = get_operator(user_id), ReasonForm(prefix="reset")
    try:
        if not form.validate():
            return _show(user, resetting=form, status=422)
        reset_second_factor(current_actor(), user, form.reason.data)
    except InvalidValue as error:
        form.add_error("reason", error)
        return _show(user, resetting=form, status=422)
    flash(_("The second factor is taken away. It is set up anew at the next sign-in."), "success")
    return _back(user_id)


def _back(user_id: UUID) -> BaseResponse:
    return see_other(url_for("admin.operators_show", user_id=user_id))


def _show(
    user: PlatformUser,
    *,
    role: RoleForm | None = None,
    disabling: ReasonForm | None = None,
    resetting: ReasonForm | None = None,
    status: int = 200,
) -> Response:
    return render(
        "admin/operators/show.html",
        user=user,
        state=state_of(user),
        states=STATES,
        titles=OPERATOR_ROLES,
        invitation=find_open_invitation(user),
        factors=factors_of(user),
        role=role or RoleForm(formdata=None, role=user.role.value).offer(),
        disabling=disabling or ReasonForm(formdata=None),
        resetting=resetting or ReasonForm(formdata=None, prefix="reset"),
        has_errors=status >= 400,
        status=status,
    )


def _form_page(form: NewOperatorForm, status: int = 200) -> Response:
    return render("admin/operators/form.html", form=form, has_errors=status >= 400, status=status)
