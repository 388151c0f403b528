"""How the fleet does: now and over the last months, hospitals, servers and the backup store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, request
from flask_babel import format_timedelta

from app.admin import admin
from app.admin.tabs import declare_tab
from app.core.formats.numbers import format_decimal
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.fleet import list_fleet
from app.tenancy.health.history import histories, newest_checks, newest_services, service_histories
from app.tenancy.health.reading import SERVER, STORE
from app.tenancy.paging import page_number
from app.web.menu import declare_menu
from app.web.render import render

SPANS = (30, 90)

declare_menu("admin.fleet_health", _l("Health"), "heart-pulse", VIEW_HOSPITALS, 15)
declare_tab("admin.health_show", _l("Health"), VIEW_HOSPITALS, 20)


@admin.get("/fleet/health")
@requires(VIEW_HOSPITALS)
def fleet_health() -> Response:
    """Show every hospital's days as bars and how it does now, the worst first; and the servers under them."""
    span = _span()
    fleet = list_fleet(page=page_number(request.args.get("page")))
    ids = [row.id for row in fleet.items]
    return render(
        "admin/health/index.html",
        fleet=fleet,
        span=span,
        spans=SPANS,
        histories=histories(ids, span),
        checks=newest_checks(ids),
        services=newest_services(),
        service_histories=service_histories(span),
    )


@admin.get("/hospitals/<string:code>/health")
@requires(VIEW_HOSPITALS)
def health_show(code: str) -> Response:
    """Show one hospital's days, with what was asked of its database last."""
    hospital = queries.get_hospital(code)
    span = _span(default=90)
    return render(
        "admin/health/show.html",
        subject=hospital,
        span=span,
        spans=SPANS,
        history=histories([hospital.id], span)[hospital.id],
        check=newest_checks([hospital.id]).get(hospital.id),
    )


def _span(default: int = 30) -> int:
    given = request.args.get("days", "")
    return int(given) if given in map(str, SPANS) else default


@admin.app_template_global()
def percent(part: float | None) -> str:
    """Write a part of one as a percentage that never rounds up to a hundred."""
    if part is None:
        return "—"
    shown = 100.0 if part >= 1 else min(part * 100, 99.99)
    return f"{format_decimal(shown, 0 if shown == 100 else 2)}\u00a0%"


@admin.app_template_global()
def service_name(service: str) -> Any:
    """Name one of the platform's own services."""
    if service == STORE:
        return _l("Backup store")
    return _l("Database server %(name)s", name=service.removeprefix(SERVER))


@admin.app_template_global()
def duration(seconds: float | None) -> str:
    """Say how long something took or is ago, in the largest fitting unit."""
    return "—" if seconds is None else str(format_timedelta(timedelta(seconds=seconds), threshold=1.2))
