"""What happens to the platform's security, and the alerts about it."""

from __future__ import annotations

from app.admin import admin
from app.core.i18n import _l
from app.domain.identity.permissions import MANAGE_ALERTS, VIEW_SECURITY
from app.tenancy.alerts.watched import CENTRE
from app.web.menu import declare_menu
from app.web.security_pages import Pages, add_security_pages

declare_menu("admin.security_index", _l("Security"), "shield-check", VIEW_SECURITY, 28)
add_security_pages(admin, Pages(CENTRE, see=VIEW_SECURITY, manage=MANAGE_ALERTS))
