"""Restoring hospitals, swapping back, proving backups, importing from another installation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from flask_babel import format_datetime
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.restores import CodeTypedForm, ImportForm, RestoreForm
from app.admin.tabs import declare_tab
from app.admin.words import REGIONS, ago, bytesize
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import RESTORE_HOSPITALS, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.errors import HospitalExists
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital
from app.tenancy.paging import page_number
from app.tenancy.provisioning import HospitalRequest
from app.tenancy.restores.drilling import DRILL_OPERATION
from app.tenancy.restores.importing import request_import
from app.tenancy.restores.queries import list_proofs, list_restorable, list_restore_runs, read_data_safety
from app.tenancy.restores.restoring import RESTORE_OPERATION, SWAP_BACK_OPERATION
from app.tenancy.swapping import list_retired
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_menu("admin.drills_index", _l("Restore drills"), "shield-check", VIEW_HOSPITALS, 26)
declare_tab("admin.restores_index", _l("Restore"), VIEW_HOSPITALS, 35)


@admin.context_processor
def _words() -> dict[str, Any]:
    return {
        "ago": ago,
        "RESTORE_KINDS": {"restore": _l("Restore"), "drill": _l("Drill"), "import": _l("Import"), "clone": _l("Clone")},
        "RETIRED_REASONS": {"restore": _l("Restore"), "move": _l("Move"), "swap_back": _l("Swap back")},
    }


@admin.get("/drills")
@requires(VIEW_HOSPITALS)
def drills_index() -> Response:
    """List when each hospital's backups were proven last: what failed first, then the longest ago."""
    return render("admin/restores/drills.html", proofs=list_proofs(page=page_number(request.args.get("page"))))


@admin.post("/hospitals/<string:code>/drills")
@requires(RESTORE_HOSPITALS)
def drills_create(code: str) -> BaseResponse:
    """Have a hospital's newest backup proven."""
    hospital = queries.get_hospital(code)
    wanted = request_operation(current_actor(), DRILL_OPERATION, hospital=hospital)
    return _follow(wanted.id)


@admin.get("/hospitals/<string:code>/restores")
@requires(VIEW_HOSPITALS)
def restores_index(code: str) -> Response:
    """Show how a hospital's data is kept, what was restored and proven, and what can be swapped back."""
    return _index(queries.get_hospital(code), CodeTypedForm(code=code, formdata=None))


@admin.get("/hospitals/<string:code>/restores/new")
@requires(RESTORE_HOSPITALS)
def restores_new(code: str) -> Response:
    """Ask for the backup and the hospital's code."""
    hospital = queries.get_hospital(code)
    return _new(hospital, _restore_form(hospital, chosen=request.args.get("backup", "")))


@admin.post("/hospitals/<string:code>/restores")
@requires(RESTORE_HOSPITALS)
def restores_create(code: str) -> BaseResponse:
    """Have a hospital brought back to a backup."""
    hospital = queries.get_hospital(code)
    form = _restore_form(hospital)
    if not form.validate():
        return _new(hospital, form, 422)
    wanted = request_operation(
        current_actor(), RESTORE_OPERATION, hospital=hospital, arguments={"backup": form.backup.data}
    )
    return _follow(wanted.id)


@admin.post("/hospitals/<string:code>/swap-back")
@requires(RESTORE_HOSPITALS)
def restores_swap_back(code: str) -> BaseResponse:
    """Have a hospital use the database again that a restore or move left behind."""
    hospital = queries.get_hospital(code)
    form = CodeTypedForm(code=code)
    if not form.validate():
        return _index(hospital, form, 422)
    wanted = request_operation(current_actor(), SWAP_BACK_OPERATION, hospital=hospital)
    return _follow(wanted.id)


@admin.get("/imports/new")
@requires(RESTORE_HOSPITALS)
def imports_new() -> Response:
    """Ask which backup of another installation is to become a hospital here."""
    return _import_page(_import_form())


@admin.post("/imports")
@requires(RESTORE_HOSPITALS)
def imports_create() -> BaseResponse:
    """Have a hospital made of a backup of another installation."""
    form = _import_form()
    if not form.validate():
        return _import_page(form, 422)
    asked = HospitalRequest(
        code=form.code.data, name=form.name.data, display_name=form.display_name.data, region=form.region.data
    )
    try:
        wanted = request_import(current_actor(), asked, location=form.location.data)
    except (InvalidValue, HospitalExists) as error:
        form.add_error("code", error)
        return _import_page(form, 422)
    return _follow(wanted.id)


def _follow(operation_id: UUID) -> BaseResponse:
    return see_other(url_for("admin.operations_show", operation_id=operation_id))


def _index(hospital: Hospital, form: CodeTypedForm, status: int = 200) -> Response:
    return render(
        "admin/restores/index.html",
        status=status,
        has_errors=status != 200,
        subject=hospital,
        safety=read_data_safety(hospital.id),
        runs=list_restore_runs(hospital.id),
        retired=list_retired(hospital.id),
        form=form,
    )


def _new(hospital: Hospital, form: RestoreForm, status: int = 200) -> Response:
    return render("admin/restores/new.html", status=status, has_errors=status != 200, subject=hospital, form=form)


def _restore_form(hospital: Hospital, chosen: str = "") -> RestoreForm:
    form = RestoreForm(code=hospital.code)
    rows = list_restorable(hospital.id)
    form.offer([(str(row.id), _describe(row)) for row in rows])
    if form.backup.data is None and rows:
        form.backup.data = next((str(row.id) for row in rows if str(row.id) == chosen), str(rows[0].id))
    return form


def _describe(row: Any) -> str:
    said = f"{format_datetime(row.started_at, 'dd/MM/yyyy HH:mm')} · {bytesize(row.size_bytes)}"
    return " · ".join([said, _("Proven")]) if row.proven_at else said


def _import_form() -> ImportForm:
    form = ImportForm()
    form.offer_regions(queries.list_regions(), REGIONS)
    return form


def _import_page(form: ImportForm, status: int = 200) -> Response:
    return render("admin/restores/import.html", status=status, has_errors=status != 200, form=form)
