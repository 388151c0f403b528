"""The database servers: which there are, how full each is, and whether it answered when it was asked last."""

from __future__ import annotations

from flask import Response

from app.admin import admin
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_HOSPITALS
from app.tenancy.clusters import list_clusters
from app.tenancy.health.history import newest_services
from app.tenancy.health.reading import SERVER
from app.web.menu import declare_menu
from app.web.render import render

declare_menu("admin.clusters_index", _l("Database servers"), "server", VIEW_HOSPITALS, 40)


@admin.get("/clusters")
@requires(VIEW_HOSPITALS)
def clusters_index() -> Response:
    """List the database servers by region."""
    checks = {row.service.removeprefix(SERVER): row for row in newest_services() if row.service.startswith(SERVER)}
    return render("admin/clusters/index.html", servers=list_clusters(), checks=checks)
