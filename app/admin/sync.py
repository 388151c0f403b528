"""How far the centre has heard of each hospital, what a comparison found, and how much hospitals are used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.tabs import declare_tab
from app.core import clock
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.centre.operations import RECONCILE, RESYNC
from app.domain.identity.permissions import MANAGE_OPERATIONS, VIEW_HOSPITALS
from app.tenancy import queries, sync_queries, usage
from app.tenancy.ledger.requests import find_unfinished, request_operation
from app.tenancy.paging import page_number
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_menu("admin.sync_index", _l("Sync"), "refresh-cw", VIEW_HOSPITALS, 20)
declare_menu("admin.usage_index", _l("Usage"), "activity", VIEW_HOSPITALS, 21)
declare_tab("admin.hospital_sync_index", _l("Sync"), VIEW_HOSPITALS, 25)

WEEK = timedelta(days=7)


@admin.context_processor
def _sync_words() -> dict[str, Any]:
    return {
        "RUN_KINDS": {"events": _l("Events"), "full": _l("Everything anew"), "outbox": _l("Events")},
        "CONSUMERS": {
            "centre": _l("Centre (as pruning knows it)"),
            "live": _l("Live pages"),
            "notices": _l("Notifications"),
            "waiting": _l("Waiting list"),
        },
    }


@admin.get("/sync")
@requires(VIEW_HOSPITALS)
def sync_index() -> Response:
    """List every hospital's last sync run with the cursor, the most behind first."""
    return render("admin/sync/index.html", hospitals=sync_queries.list_sync(page_number(request.args.get("page"))))


@admin.get("/usage")
@requires(VIEW_HOSPITALS)
def usage_index() -> Response:
    """Show how much each hospital was used in the last seven days."""
    return render("admin/sync/usage.html", hospitals=usage.sum_usage((clock.now() - WEEK).date()))


@admin.get("/hospitals/<string:code>/sync")
@requires(VIEW_HOSPITALS)
def hospital_sync_index(code: str) -> Response:
    """Show what one hospital told, how far its own consumers are, and what comparisons found."""
    hospital = queries.get_hospital(code)
    return render(
        "admin/sync/hospital.html",
        subject=hospital,
        cursor=sync_queries.find_cursor(hospital.id),
        indexed=sync_queries.count_indexed(hospital.id),
        runs=sync_queries.list_runs(hospital.id),
        comparisons=sync_queries.list_comparisons(hospital.id),
        consumers=sync_queries.list_consumers(hospital.id),
        days=usage.list_usage(hospital.id, 7),
    )


@admin.post("/hospitals/<string:code>/sync/compare")
@requires(MANAGE_OPERATIONS)
def hospital_sync_compare(code: str) -> BaseResponse:
    """Have the index compared with the hospital now; a comparison that was asked for already is shown instead."""
    return _ask(code, RECONCILE)


@admin.post("/hospitals/<string:code>/sync/retell")
@requires(MANAGE_OPERATIONS)
def hospital_sync_retell(code: str) -> BaseResponse:
    """Have the centre told of every patient anew."""
    return _ask(code, RESYNC)


def _ask(code: str, kind: str) -> BaseResponse:
    hospital = queries.get_hospital(code)
    wanted = find_unfinished(kind, hospital.id) or request_operation(current_actor(), kind, hospital=hospital)
    return see_other(url_for("admin.operations_show", operation_id=wanted.id))
