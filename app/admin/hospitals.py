"""The fleet of hospitals: how each does, having a new one made, suspending one and letting it serve again."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.hospital import HospitalForm, SuspendForm
from app.admin.operations import follow_state
from app.admin.tabs import declare_tab
from app.admin.words import REGIONS
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.administrators import first_administrator
from app.domain.identity.permissions import CREATE_HOSPITALS, SUSPEND_HOSPITALS, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.clusters import list_clusters
from app.tenancy.domains import portal_url
from app.tenancy.errors import HospitalExists
from app.tenancy.fleet import TROUBLE, Condition, fleet_totals, list_fleet
from app.tenancy.ledger.queries import find_newest
from app.tenancy.models import Hospital
from app.tenancy.operations import order_hospital, resume_hospital, suspend_hospital
from app.tenancy.paging import page_number
from app.tenancy.placement import NoRoom
from app.tenancy.provisioning import CREATE, HospitalRequest
from app.tenancy.restores.queries import read_data_safety
from app.web.menu import declare_menu
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other

IN_TROUBLE = "trouble"
LONGEST_SEARCH = 100

declare_menu("admin.hospitals_index", _l("Hospitals"), "building-2", VIEW_HOSPITALS, 10)
declare_tab("admin.hospitals_show", _l("Overview"), VIEW_HOSPITALS, 10)


@admin.get("/hospitals")
@requires(VIEW_HOSPITALS)
def hospitals_index() -> Response:
    """List the hospitals, the worst first."""
    search = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    state = request.args.get("state", "")
    return render(
        "admin/hospitals/index.html",
        fleet=list_fleet(search=search, conditions=_conditions_of(state), page=page_number(request.args.get("page"))),
        totals=fleet_totals(),
        search=search,
        state=state,
        in_trouble=IN_TROUBLE,
    )


@admin.get("/hospitals/new")
@requires(CREATE_HOSPITALS)
def hospitals_new() -> Response:
    """Ask for what a new hospital needs."""
    return _form_page(_hospital_form())


@admin.post("/hospitals")
@requires(CREATE_HOSPITALS)
def hospitals_create() -> BaseResponse:
    """Register a hospital and have it made."""
    form = _hospital_form()
    if not form.validate():
        return _form_page(form, 422)
    try:
        hospital = order_hospital(current_actor(), _request_of(form))
    except (InvalidValue, HospitalExists) as error:
        form.add_error("code", error)
        return _form_page(form, 422)
    except NoRoom as error:
        form.add_error("region", error)
        return _form_page(form, 422)
    return see_other(url_for("admin.hospitals_show", code=hospital.code))


@admin.get("/hospitals/<string:code>")
@requires(VIEW_HOSPITALS)
def hospitals_show(code: str) -> Response:
    """Show one hospital: its state, its making, health, syncing, and what was done to it."""
    return _show(queries.get_hospital(code), SuspendForm(formdata=None))


@admin.post("/hospitals/<string:code>/suspend")
@requires(SUSPEND_HOSPITALS)
def hospitals_suspend(code: str) -> BaseResponse:
    """Stop serving a hospital."""
    form = SuspendForm()
    if not form.validate():
        return _show(queries.get_hospital(code), form, 422)
    hospital = suspend_hospital(current_actor(), code, form.reason.data)
    flash(_("%(name)s is suspended. Its people see this at their next click.", name=hospital.display_name), "success")
    return see_other(url_for("admin.hospitals_show", code=code))


@admin.post("/hospitals/<string:code>/resume")
@requires(SUSPEND_HOSPITALS)
def hospitals_resume(code: str) -> BaseResponse:
    """Let a suspended hospital serve again."""
    hospital = resume_hospital(current_actor(), code)
    flash(_("%(name)s serves again.", name=hospital.display_name), "success")
    return see_other(url_for("admin.hospitals_show", code=code))


def _conditions_of(state: str) -> tuple[Condition, ...]:
    if state == IN_TROUBLE:
        return TROUBLE
    return (Condition(state),) if state in set(Condition) else ()


def _hospital_form() -> HospitalForm:
    form = HospitalForm()
    form.offer_regions(queries.list_regions())
    form.offer_servers(
        [
            (
                server.row.name,
                _(
                    "%(name)s (%(region)s, room for %(count)s)",
                    name=server.row.name,
                    region=REGIONS.get(server.row.region, server.row.region),
                    count=server.room,
                ),
            )
            for server in list_clusters()
            if server.row.accepts_new and server.room
        ]
    )
    return form


def _form_page(form: HospitalForm, status: int = 200) -> Response:
    return render("admin/hospitals/new.html", form=form, has_errors=status != 200, status=status)


def _request_of(form: HospitalForm) -> HospitalRequest:
    return HospitalRequest(
        code=form.code.data,
        name=form.name.data,
        display_name=form.display_name.data,
        custom_domain=form.custom_domain.data or None,
        region=form.region.data,
        cluster=form.cluster.data or None,
        timezone=form.timezone.data,
        locale=form.locale.data,
        plan=form.plan.data,
        max_users=form.max_users.data or 0,
        max_storage_gb=form.max_storage_gb.data or 0,
        administrator=first_administrator(
            username=form.username.data,
            full_name=form.full_name.data,
            email=form.email.data or None,
            password=form.password.data,
        ),
    )


def _show(hospital: Hospital, suspend_form: SuspendForm, status: int = 200) -> Response:
    making = find_newest(CREATE, hospital.id)
    principal = find_principal()
    may_read_audit = principal is not None and principal.may("platform_audit.view")
    return render(
        "admin/hospitals/show.html",
        status=status,
        has_errors=status != 200,
        subject=hospital,
        making=making,
        following=follow_state(making) if making else None,
        checks=queries.list_checks(hospital.id),
        runs=queries.list_runs(hospital.id),
        safety=read_data_safety(hospital.id),
        audit=queries.list_latest_audit(hospital.id) if may_read_audit else None,
        administrator=queries.find_administrator_name(hospital.id),
        form=suspend_form,
        portals=_portals_of(hospital),
    )


def _portals_of(hospital: Hospital) -> dict[str, Any]:
    settings = current_app.extensions["settings"]
    facts = (hospital.code, hospital.custom_domain)
    return {name: portal_url(settings, facts[0], name, facts[1]) for name in ("hospital", "patient")}
