"""The hospital's own access rules, which its administrators set."""

from __future__ import annotations

from app.core.i18n import _l
from app.domain.gateway.operations import own_rules
from app.domain.identity.permissions import MANAGE_HOSPITAL_GATEWAY
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.web.gateway_frame import Pages
from app.web.gateway_pages import add_gateway_pages

declare_administration(
    "hospital.gateway_index",
    _l("Access rules"),
    _l("Addresses, rates, other sites, and how long people stay signed in"),
    MANAGE_HOSPITAL_GATEWAY,
    60,
)

add_gateway_pages(
    hospital,
    Pages("gateway", "/gateway", MANAGE_HOSPITAL_GATEWAY, own_rules, lambda: _l("Access rules of the hospital")),
)
