"""Access rules as operators set them: for the whole platform, and for one hospital."""

from __future__ import annotations

from typing import Any

from app.admin import admin
from app.admin.tabs import declare_tab
from app.core.errors import Text
from app.core.i18n import _l
from app.domain.identity.permissions import MANAGE_GATEWAY
from app.tenancy import queries
from app.tenancy.binding import tenancy
from app.tenancy.gateway.owners import Owner, platform_rules, rules_about
from app.web.gateway_frame import Pages
from app.web.gateway_pages import add_gateway_pages
from app.web.menu import declare_menu

declare_menu("admin.gateway_index", _l("Access rules"), "shield-check", MANAGE_GATEWAY, 62)
declare_tab("admin.hospital_gateway_index", _l("Access rules"), MANAGE_GATEWAY, 70)


def _about(code: str) -> Owner:
    return rules_about(tenancy().registry.entry_of(queries.get_hospital(code)))


def _subject(code: str) -> dict[str, Any]:
    return {"subject": queries.get_hospital(code)}


def _name(code: str) -> Text:
    return queries.get_hospital(code).display_name


add_gateway_pages(
    admin,
    Pages("gateway", "/gateway", MANAGE_GATEWAY, platform_rules, lambda: _l("Access rules of the platform")),
)
add_gateway_pages(
    admin,
    Pages("hospital_gateway", "/hospitals/<string:code>/gateway", MANAGE_GATEWAY, _about, _name, _subject),
)
