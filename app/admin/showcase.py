"""The page that shows every component in every state."""

from __future__ import annotations

from flask import Response, request

from app.admin import admin
from app.admin.forms.showcase import showcase_context
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_COMPONENTS
from app.web.menu import declare_menu
from app.web.render import render

declare_menu("admin.components_index", _l("Components"), "layout-grid", VIEW_COMPONENTS, 90)


@admin.get("/components")
@requires(VIEW_COMPONENTS)
def components_index() -> Response:
    """Show every component."""
    return render("admin/components.html", **showcase_context(request.args.get("scheme")))
