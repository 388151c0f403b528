"""Backups: of one hospital, with its policy, and of the fleet, who waits longest first."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.backups import PolicyForm
from app.admin.tabs import declare_tab
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import BACK_UP_HOSPITALS, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.backups.backing_up import BACK_UP, VERIFY
from app.tenancy.backups.catalogue import UnknownBackup, get_backup, list_backups
from app.tenancy.backups.policies import Policy, find_policy, set_policy
from app.tenancy.backups.queries import list_fleet_backups
from app.tenancy.ledger.requests import find_unfinished, request_operation
from app.tenancy.models import Hospital
from app.tenancy.paging import page_number
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_menu("admin.backups_index", _l("Backups"), "database", VIEW_HOSPITALS, 24)
declare_tab("admin.hospital_backups_index", _l("Backups"), VIEW_HOSPITALS, 30)


@admin.context_processor
def _words() -> dict[str, Any]:
    return {
        "BACKUP_STATES": {
            "running": (_l("Running"), "info"),
            "complete": (_l("Complete"), "success"),
            "failed": (_l("Failed"), "danger"),
            "pruned": (_l("Removed"), "neutral"),
        },
        "BACKUP_REASONS": {
            "manual": _l("By hand"),
            "schedule": _l("On schedule"),
            "found": _l("Found in the store"),
            "before_delete": _l("Before a deletion"),
            "before_archive": _l("Before archiving"),
            "before_migration": _l("Before a schema change"),
            "before_restore": _l("Before a restore"),
            "before_move": _l("Before a move"),
        },
    }


@admin.get("/backups")
@requires(VIEW_HOSPITALS)
def backups_index() -> Response:
    """List the hospitals by their newest backup, the worst first."""
    return render("admin/backups/fleet.html", fleet=list_fleet_backups(page=page_number(request.args.get("page"))))


@admin.get("/hospitals/<string:code>/backups")
@requires(VIEW_HOSPITALS)
def hospital_backups_index(code: str) -> Response:
    """Show a hospital's backups and how often they are made."""
    hospital = queries.get_hospital(code)
    return _index(hospital, PolicyForm(formdata=None, data=asdict(find_policy(hospital.id))))


@admin.post("/hospitals/<string:code>/backups")
@requires(BACK_UP_HOSPITALS)
def hospital_backups_create(code: str) -> BaseResponse:
    """Have a hospital backed up now; one that was asked for already is shown instead."""
    hospital = queries.get_hospital(code)
    wanted = find_unfinished(BACK_UP, hospital.id) or request_operation(current_actor(), BACK_UP, hospital=hospital)
    return see_other(url_for("admin.operations_show", operation_id=wanted.id))


@admin.post("/hospitals/<string:code>/backups/<uuid:backup_id>/verify")
@requires(BACK_UP_HOSPITALS)
def hospital_backups_verify(code: str, backup_id: UUID) -> BaseResponse:
    """Have a backup read through and compared with its manifest."""
    hospital = queries.get_hospital(code)
    if get_backup(backup_id).hospital_id != hospital.id:
        raise UnknownBackup
    wanted = request_operation(current_actor(), VERIFY, hospital=hospital, arguments={"backup": str(backup_id)})
    return see_other(url_for("admin.operations_show", operation_id=wanted.id))


@admin.post("/hospitals/<string:code>/backup-policy")
@requires(BACK_UP_HOSPITALS)
def hospital_backups_policy(code: str) -> BaseResponse:
    """Change how often a hospital is backed up and what is kept."""
    hospital = queries.get_hospital(code)
    form = PolicyForm()
    if not form.validate():
        return _index(hospital, form, 422)
    try:
        set_policy(current_actor(), hospital.id, Policy(**{name: form[name].data for name in asdict(Policy())}))
    except InvalidValue as error:
        form.add_error(error.field or "every_hours", error)
        return _index(hospital, form, 422)
    flash(_("The backup policy is changed."), "success")
    return see_other(url_for("admin.hospital_backups_index", code=code))


def _index(hospital: Hospital, form: PolicyForm, status: int = 200) -> Response:
    return render(
        "admin/backups/index.html",
        status=status,
        has_errors=status != 200,
        subject=hospital,
        backups=list_backups(
            hospital.id, page=page_number(request.args.get("page")), with_pruned="all" in request.args
        ),
        form=form,
    )
