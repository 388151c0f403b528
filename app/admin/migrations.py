"""Upgrading hospitals' databases: how the fleet stands, a run while it goes on, quarantine, one hospital's schema."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, make_response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.migrations import MigrationForm, RevisionForm
from app.admin.operations import follow_state
from app.admin.tabs import declare_tab
from app.core.errors import InvalidValue, NotFound
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import MIGRATE_FLEET, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.ledger.queries import ShownOperation, get_operation, list_operations
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital
from app.tenancy.paging import page_number
from app.tenancy.upgrading.quarantine import clear_quarantine, list_quarantined
from app.tenancy.upgrading.rehearsing import REHEARSE
from app.tenancy.upgrading.running import MIGRATE_FLEET as MIGRATION
from app.tenancy.upgrading.running import request_fleet_migration
from app.tenancy.upgrading.scripts import between, list_revisions
from app.tenancy.upgrading.single import request_migration
from app.tenancy.upgrading.state import count_waves, fleet_state, list_runs, list_runs_of
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other, wants_fragment

declare_menu("admin.migrations_index", _l("Upgrades"), "arrow-up", VIEW_HOSPITALS, 22)
declare_tab("admin.schemas_index", _l("Schema"), VIEW_HOSPITALS, 45)

MIGRATION_STATES: dict[str, tuple[Any, str]] = {
    "waiting": (_l("Waiting"), "neutral"),
    "running": (_l("Running"), "info"),
    "succeeded": (_l("Upgraded"), "success"),
    "failed": (_l("Not done"), "warning"),
    "quarantined": (_l("In quarantine"), "danger"),
    "rolled_back": (_l("Gone back"), "neutral"),
}


@admin.context_processor
def _words() -> dict[str, Any]:
    return {"MIGRATION_STATES": MIGRATION_STATES}


@admin.get("/fleet/migrations")
@requires(VIEW_HOSPITALS)
def migrations_index() -> Response:
    """Show how many hospitals are at which revision, who is in quarantine, and earlier runs."""
    return _index(_form())


@admin.post("/fleet/migrations")
@requires(MIGRATE_FLEET)
def migrations_create() -> BaseResponse:
    """Have the fleet upgraded."""
    form = _form()
    if not form.validate():
        return _index(form, 422)
    try:
        wanted = request_fleet_migration(current_actor(), form.as_request())
    except InvalidValue as error:
        form.add_error("to", error)
        return _index(form, 422)
    return see_other(url_for("admin.migrations_show", operation_id=wanted.id))


@admin.get("/fleet/migrations/<uuid:operation_id>")
@requires(VIEW_HOSPITALS)
def migrations_show(operation_id: UUID) -> Response:
    """Show a run: its waves and its hospitals; the page follows it while it moves."""
    return _run(_shown(operation_id), "show")


@admin.get("/fleet/migrations/<uuid:operation_id>/progress")
@requires(VIEW_HOSPITALS)
def migrations_progress(operation_id: UUID) -> BaseResponse:
    """Show how far a run is; htmx is told to load the whole page once there is nothing to wait for."""
    shown = _shown(operation_id)
    if wants_fragment() and not shown.moving:
        response = make_response("", 204)
        response.headers["HX-Refresh"] = "true"
        return response
    return _run(shown, "progress")


@admin.post("/hospitals/<string:code>/quarantine/clear")
@requires(MIGRATE_FLEET)
def quarantine_clear(code: str) -> BaseResponse:
    """Let fleet migrations try a hospital again."""
    clear_quarantine(current_actor(), queries.get_hospital(code))
    return see_other(url_for("admin.migrations_index"))


@admin.get("/hospitals/<string:code>/schema")
@requires(VIEW_HOSPITALS)
def schemas_index(code: str) -> Response:
    """Show at which revision a hospital is and how it came there."""
    return _schema(queries.get_hospital(code), _revision_form())


@admin.post("/hospitals/<string:code>/schema")
@requires(MIGRATE_FLEET)
def schemas_update(code: str) -> BaseResponse:
    """Have a hospital brought to another revision, or that tried on a copy."""
    hospital = queries.get_hospital(code)
    form = _revision_form()
    if not form.validate():
        return _schema(hospital, form, 422)
    if "rehearse" in request.form:
        arguments = {"to": form.to.data}
        wanted = request_operation(current_actor(), REHEARSE, hospital=hospital, arguments=arguments)
    else:
        wanted = request_migration(current_actor(), hospital, form.to.data)
    return see_other(url_for("admin.operations_show", operation_id=wanted.id))


def _form() -> MigrationForm:
    form = MigrationForm()
    form.offer(list(list_revisions()))
    return form


def _revision_form() -> RevisionForm:
    form = RevisionForm()
    form.offer(list(list_revisions()))
    return form


def _index(form: MigrationForm, status: int = 200) -> Response:
    state = fleet_state()
    oldest = min((one for one in state.revisions if one), default=None)
    return render(
        "admin/migrations/index.html",
        status=status,
        form=form,
        has_errors=status == 422,
        state=state,
        titles={one.name: one.title for one in list_revisions()},
        coming=between(oldest, state.newest) if state.behind else [],
        quarantined=list_quarantined(),
        runs=list_operations(kinds=(MIGRATION,), page=page_number(request.args.get("page"))),
    )


def _schema(hospital: Hospital, form: RevisionForm, status: int = 200) -> Response:
    return render(
        "admin/migrations/schema.html",
        status=status,
        subject=hospital,
        form=form,
        has_errors=status == 422,
        newest=fleet_state().newest,
        titles={one.name: one.title for one in list_revisions()},
        runs=list_runs_of(hospital.id),
    )


def _shown(operation_id: UUID) -> ShownOperation:
    shown = get_operation(operation_id)
    if shown.row.kind != MIGRATION:
        raise NotFound
    return shown


def _run(shown: ShownOperation, view: str) -> Response:
    return render(
        f"admin/migrations/{view}.html",
        operation=shown,
        following=follow_state(shown),
        waves=count_waves(shown.row.id),
        hospitals=list_runs(shown.row.id, page_number(request.args.get("page"))),
    )
