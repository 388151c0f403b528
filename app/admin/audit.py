"""What operators and the platform did, and to which hospital."""

from __future__ import annotations

from flask import Response, request

from app.admin import admin
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import VIEW_PLATFORM_AUDIT
from app.tenancy.paging import page_number
from app.tenancy.queries import get_hospital, list_audit, list_hospital_names
from app.web.menu import declare_menu
from app.web.render import render

declare_menu("admin.audit_index", _l("Audit log"), "shield-check", VIEW_PLATFORM_AUDIT, 30)


@admin.get("/audit")
@requires(VIEW_PLATFORM_AUDIT)
def audit_index() -> Response:
    """List the platform's audit log, newest first, of one hospital or of all."""
    code = request.args.get("hospital", "")
    chosen = get_hospital(code) if code else None
    return render(
        "admin/audit/index.html",
        entries=list_audit(hospital_id=chosen.id if chosen else None, page=page_number(request.args.get("page"))),
        names=list_hospital_names(),
        chosen=chosen,
    )
