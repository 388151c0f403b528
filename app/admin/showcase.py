"""The page that shows every component in every state."""

from __future__ import annotations

from flask import Response

from app.admin import admin
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_COMPONENTS
from app.web.render import render


@admin.get("/components")
@requires(VIEW_COMPONENTS)
def components_index() -> Response:
    """Show every component."""
    return render("admin/components.html")
