"""The end of a hospital's time here: archived and brought back, deleted after a grace period, given up."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.lifecycle import DeletionForm, ReasonForm
from app.admin.forms.restores import CodeTypedForm
from app.admin.tabs import declare_tab
from app.admin.words import ACTIONS
from app.core.i18n import _, _l
from app.core.objects import StoreFailed
from app.core.permissions import requires
from app.domain.identity.permissions import CREATE_HOSPITALS, DELETE_HOSPITALS, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.ending.abandoning import ABANDON, request_abandoning
from app.tenancy.ending.archiving import ARCHIVE, UNARCHIVE, request_archiving, request_unarchiving
from app.tenancy.ending.deleting import DELETE, PREPARE, find_request, request_deletion
from app.tenancy.ending.exit_kits import EXIT_KIT, StoredKit, list_kits
from app.tenancy.ledger.queries import list_operations, title_of
from app.tenancy.ledger.requests import UNFINISHED
from app.tenancy.models import Hospital
from app.tenancy.operations import keep_hospital
from app.web.principals import current_actor
from app.web.render import render, see_other

KINDS = (ARCHIVE, UNARCHIVE, PREPARE, DELETE, ABANDON, EXIT_KIT)

declare_tab("admin.lifecycle_show", _l("Lifecycle"), VIEW_HOSPITALS, 80)

ACTIONS.update(
    {
        "hospital.archive": _l("Hospital archived"),
        "hospital.unarchive": _l("Hospital brought back from the archive"),
        "hospital.plan_deletion": _l("Deletion of the hospital begun"),
        "hospital.keep": _l("Deletion of the hospital taken back"),
        "hospital.delete": _l("Hospital deleted"),
        "hospital.destroy_backups": _l("Backups of the deleted hospital destroyed"),
        "hospital.abandon": _l("Hospital given up before it was made"),
        "exit_kit.write": _l("Exit kit written to a folder"),
        "exit_kit.download": _l("Exit kit downloaded"),
        "cluster.add": _l("Database server registered"),
        "cluster.change": _l("Database server changed"),
    }
)


@admin.get("/hospitals/<string:code>/lifecycle")
@requires(VIEW_HOSPITALS)
def lifecycle_show(code: str) -> Response:
    """Show where a hospital stands and what can be done with it, with what was done."""
    hospital = queries.get_hospital(code)
    recent = list_operations(hospital_id=hospital.id, kinds=KINDS).items[:10]
    return render(
        "admin/lifecycle/show.html",
        subject=hospital,
        wish=find_request(hospital.id) if hospital.delete_after else None,
        kits=_kits(hospital),
        recent=recent,
        at_work=any(row.state in UNFINISHED for row in recent),
        title_of=title_of,
        settings=current_app.extensions["settings"],
    )


@admin.get("/hospitals/<string:code>/lifecycle/archive")
@requires(DELETE_HOSPITALS)
def lifecycle_archive_new(code: str) -> Response:
    """Ask why a hospital is archived."""
    return _ask("archive", queries.get_hospital(code), ReasonForm(code=code, formdata=None))


@admin.post("/hospitals/<string:code>/lifecycle/archive")
@requires(DELETE_HOSPITALS)
def lifecycle_archive(code: str) -> BaseResponse:
    """Have a hospital archived."""
    form = ReasonForm(code=code)
    if not form.validate():
        return _ask("archive", queries.get_hospital(code), form, 422)
    return _follow(request_archiving(current_actor(), code, form.reason.data))


@admin.post("/hospitals/<string:code>/lifecycle/unarchive")
@requires(DELETE_HOSPITALS)
def lifecycle_unarchive(code: str) -> BaseResponse:
    """Have a hospital brought back from the archive."""
    return _follow(request_unarchiving(current_actor(), code))


@admin.get("/hospitals/<string:code>/lifecycle/delete")
@requires(DELETE_HOSPITALS)
def lifecycle_delete_new(code: str) -> Response:
    """Ask why a hospital is deleted."""
    return _ask("delete", queries.get_hospital(code), DeletionForm(code=code, formdata=None))


@admin.post("/hospitals/<string:code>/lifecycle/delete")
@requires(DELETE_HOSPITALS)
def lifecycle_delete(code: str) -> BaseResponse:
    """Have the grace period of a deletion begin, once a backup is verified."""
    form = DeletionForm(code=code)
    if not form.validate():
        return _ask("delete", queries.get_hospital(code), form, 422)
    return _follow(request_deletion(current_actor(), code, form.reason.data, destroy=form.destroy_backups.data))


@admin.post("/hospitals/<string:code>/lifecycle/keep")
@requires(DELETE_HOSPITALS)
def lifecycle_keep(code: str) -> BaseResponse:
    """Take back that a hospital is to be deleted."""
    hospital = keep_hospital(current_actor(), code)
    flash(_("%(name)s is not deleted.", name=hospital.display_name), "success")
    return see_other(url_for("admin.lifecycle_show", code=code))


@admin.get("/hospitals/<string:code>/lifecycle/abandon")
@requires(CREATE_HOSPITALS)
def lifecycle_abandon_new(code: str) -> Response:
    """Ask for the code of a hospital that is given up."""
    return _ask("abandon", queries.get_hospital(code), CodeTypedForm(code=code, formdata=None))


@admin.post("/hospitals/<string:code>/lifecycle/abandon")
@requires(CREATE_HOSPITALS)
def lifecycle_abandon(code: str) -> BaseResponse:
    """Have a hospital that could not be made given up."""
    form = CodeTypedForm(code=code)
    if not form.validate():
        return _ask("abandon", queries.get_hospital(code), form, 422)
    return _follow(request_abandoning(current_actor(), code))


def _ask(act: str, hospital: Hospital, form: Any, status: int = 200) -> Response:
    return render(
        f"admin/lifecycle/{act}.html",
        subject=hospital,
        form=form,
        has_errors=status != 200,
        status=status,
        settings=current_app.extensions["settings"],
    )


def _follow(wanted: Any) -> BaseResponse:
    return see_other(url_for("admin.operations_show", operation_id=wanted.id))


def _kits(hospital: Hospital) -> list[StoredKit] | None:
    """Return the kits in the store, or None where it does not answer: the rest of the page is worth seeing."""
    try:
        return list_kits(hospital.id)
    except StoreFailed:
        return None
