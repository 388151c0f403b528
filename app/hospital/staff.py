"""Staff accounts: found, invited, changed, closed and opened again, by those who may manage staff."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue, Text
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.closing import disable_account, enable_account, unlock_account
from app.domain.identity.invitations import find_open_invitation, invite
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import MANAGE_STAFF
from app.domain.identity.second_factor import factors_of, reset_second_factor
from app.domain.identity.staff import (
    TooManyUsers,
    get_staff,
    invite_staff,
    refuse_more_than_own,
    roles_of,
    update_staff,
)
from app.domain.identity.staff_queries import AccountState, list_departments, list_roles, list_staff, state_of
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.staff import NewStaffForm, ReasonForm, StaffForm
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.versions import read_version

declare_administration(
    "hospital.staff_index",
    _l("Staff"),
    _l("Invite people who work here, change what they may do, close accounts"),
    MANAGE_STAFF,
    10,
)

STATES: dict[AccountState, tuple[Text, str]] = {
    AccountState.ACTIVE: (_l("Active"), "success"),
    AccountState.INVITED: (_l("Invited"), "info"),
    AccountState.SLOWED_DOWN: (_l("Slowed down"), "warning"),
    AccountState.DISABLED: (_l("Disabled"), "neutral"),
}


@hospital.get("/staff")
@requires(MANAGE_STAFF)
def staff_index() -> Response:
    """Find somebody who works here."""
    wanted = {name: request.args.get(name, "").strip() for name in ("q", "state", "department", "role")}
    page = list_staff(
        wanted["q"],
        wanted["state"] or None,
        parse_id(wanted["department"]) if wanted["department"] else None,
        wanted["role"] or None,
        request.args.get("page", 1, type=int),
    )
    return render(
        "hospital/staff/index.html",
        page=page,
        wanted=wanted,
        states=STATES,
        roles=list_roles(),
        departments=list_departments(),
    )


@hospital.get("/staff/new")
@requires(MANAGE_STAFF)
def staff_new() -> Response:
    """Ask who is invited."""
    return _form_page(NewStaffForm(formdata=None).offer())


@hospital.post("/staff")
@requires(MANAGE_STAFF)
@asks_again
def staff_create() -> BaseResponse:
    """Make the account and send the invitation."""
    form = NewStaffForm().offer()
    if not form.validate():
        return _form_page(form, 422)
    try:
        staff = invite_staff(
            current_actor(), username=form.username.data, facts=form.facts(), role_codes=form.roles.data
        )
    except InvalidValue as error:
        form.add_error("username", error)
        return _form_page(form, 422)
    except TooManyUsers as error:
        form.add_error("username", error)
        return _form_page(form, error.status)
    flash(_("%(name)s is invited by e-mail.", name=staff.full_name), "success")
    return see_other(url_for("hospital.staff_show", staff_id=staff.id))


@hospital.get("/staff/<uuid:staff_id>")
@requires(MANAGE_STAFF)
def staff_show(staff_id: UUID) -> Response:
    """Show somebody's account and what can be done with it."""
    return _show(get_staff(staff_id))


@hospital.get("/staff/<uuid:staff_id>/edit")
@requires(MANAGE_STAFF)
def staff_edit(staff_id: UUID) -> Response:
    """Ask what is to be changed."""
    staff = get_staff(staff_id)
    form = StaffForm(
        formdata=None,
        obj=staff,
        data={"roles": [role.code for role in roles_of(staff_id)], "department": str(staff.department_id or "")},
    )
    return _form_page(form.offer(), staff=staff)


@hospital.post("/staff/<uuid:staff_id>")
@requires(MANAGE_STAFF)
@asks_again
def staff_update(staff_id: UUID) -> BaseResponse:
    """Change the account."""
    staff, form = get_staff(staff_id), StaffForm().offer()
    if not form.validate():
        return _form_page(form, 422, staff)
    try:
        update_staff(
            current_actor(),
            staff_id,
            version=read_version(form.version.data) or 0,
            facts=form.facts(),
            role_codes=form.roles.data,
            knowingly=form.knowingly.data,
        )
    except InvalidValue as error:
        form.add_error("full_name", error)
        return _form_page(form, 422, staff)
    flash(_("The account is changed."), "success")
    return see_other(url_for("hospital.staff_show", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/disable")
@requires(MANAGE_STAFF)
@asks_again
def staff_disable(staff_id: UUID) -> BaseResponse:
    """Close the account at once."""
    staff, form = _managed(staff_id), ReasonForm()
    try:
        if not form.validate():
            return _show(staff, disabling=form, status=422)
        disable_account(current_actor(), staff, form.reason.data)
    except (InvalidValue, Conflict) as error:
        form.add_error("reason", error)
        return _show(staff, disabling=form, status=error.status)
    flash(_("The account is disabled, and signed out everywhere."), "success")
    return see_other(url_for("hospital.staff_show", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/enable")
@requires(MANAGE_STAFF)
@asks_again
def staff_enable(staff_id: UUID) -> BaseResponse:
    """Open a closed account again."""
    enable_account(current_actor(), _managed(staff_id))
    flash(_("The account is enabled."), "success")
    return see_other(url_for("hospital.staff_show", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/unlock")
@requires(MANAGE_STAFF)
def staff_unlock(staff_id: UUID) -> BaseResponse:
    """Let somebody try again at once."""
    unlock_account(current_actor(), _managed(staff_id))
    flash(_("The next sign-in need not wait any more."), "success")
    return see_other(url_for("hospital.staff_show", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/invite")
@requires(MANAGE_STAFF)
@asks_again
def staff_invite(staff_id: UUID) -> BaseResponse:
    """Send a new invitation; the one before ends."""
    staff = _managed(staff_id)
    try:
        invite(current_actor(), staff)
    except InvalidValue as error:
        flash(error.message, "danger")
    else:
        flash(_("A new invitation is on its way to %(address)s.", address=staff.email), "success")
    return see_other(url_for("hospital.staff_show", staff_id=staff_id))


@hospital.post("/staff/<uuid:staff_id>/reset-second-factor")
@requires(MANAGE_STAFF)
@asks_again
def staff_reset_factor(staff_id: UUID) -> BaseResponse:
    """Take the second factor away from somebody who lost it; the next sign-in sets up a new one."""
    staff, form = _managed(staff_id), ReasonForm(prefix="reset")
    try:
        if not form.validate():
            return _show(staff, resetting=form, status=422)
        reset_second_factor(current_actor(), staff, form.reason.data)
    except InvalidValue as error:
        form.add_error("reason", error)
        return _show(staff, resetting=form, status=422)
    flash(_("The second factor is taken away. It is set up anew at the next sign-in."), "success")
    return see_other(url_for("hospital.staff_show", staff_id=staff_id))


def _managed(staff_id: UUID) -> StaffUser:
    """Return somebody's account; raises HoldsMore where it may do more than who manages it."""
    refuse_more_than_own(current_actor(), roles_of(staff_id))
    return get_staff(staff_id)


def _show(
    staff: StaffUser, *, disabling: ReasonForm | None = None, resetting: ReasonForm | None = None, status: int = 200
) -> Response:
    return render(
        "hospital/staff/show.html",
        staff=staff,
        state=state_of(staff),
        states=STATES,
        roles=roles_of(staff.id),
        department=dict(list_departments()).get(staff.department_id) if staff.department_id else None,
        invitation=find_open_invitation(staff),
        factors=factors_of(staff),
        disabling=disabling or ReasonForm(formdata=None),
        resetting=resetting or ReasonForm(formdata=None, prefix="reset"),
        has_errors=status >= 400,
        status=status,
    )


def _form_page(form: StaffForm, status: int = 200, staff: StaffUser | None = None) -> Response:
    return render("hospital/staff/form.html", form=form, staff=staff, has_errors=status >= 400, status=status)
