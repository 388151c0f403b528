"""How far the centre has heard of each hospital."""

from __future__ import annotations

from flask import Response, request

from app.admin import admin
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_HOSPITALS
from app.tenancy.paging import page_number
from app.tenancy.queries import list_sync
from app.web.menu import declare_menu
from app.web.render import render

declare_menu("admin.sync_index", _l("Sync"), "refresh-cw", VIEW_HOSPITALS, 20)


@admin.get("/sync")
@requires(VIEW_HOSPITALS)
def sync_index() -> Response:
    """List every hospital's last sync run with the cursor, the most behind first."""
    return render("admin/sync/index.html", hospitals=list_sync(page_number(request.args.get("page"))))
