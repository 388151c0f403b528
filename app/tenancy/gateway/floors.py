"""What the platform asks for, below which a hospital's own rules cannot go: told where it is typed, not ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.tenancy.gateway.owners import Owner
from app.tenancy.gateway.rules import NOTHING, Gateway, compile_gateway
from app.tenancy.gateway.store import gateway_store
from app.tenancy.policies import DEFAULTS

AT_MOST = (
    "requests_per_address", "requests_per_person", "sign_ins_per_address", "largest_request_kb",
    "idle_minutes", "absolute_minutes", "confirm_after_minutes", "password_days",
)  # fmt: skip
AT_LEAST = ("shortest_password", "password_history")


def refuse_looser(owner: Owner, portal: str | None, values: Mapping[str, Any]) -> None:
    """Refuse what would change nothing, because the platform is stricter; raises InvalidValue."""
    if not owner.is_own:
        return
    floors = [floor_of(owner, each) for each in ([portal] if portal else ["hospital", "patient"])]
    for name, value in values.items():
        bounds = [bound for floor in floors if (bound := floor.get(name)) is not None]
        if value is None or len(bounds) < len(floors):
            continue
        if name in AT_MOST and value > max(bounds):
            raise InvalidValue(_l("The platform allows at most %(bound)s here.", bound=max(bounds)), field=name)
        if name in AT_LEAST and value < min(bounds):
            raise InvalidValue(_l("The platform asks for at least %(bound)s here.", bound=min(bounds)), field=name)


def floor_of(owner: Owner, portal: str) -> dict[str, int | None]:
    """Return what counts in a portal without the hospital's own rules, in the units of the forms."""
    gateway = compile_gateway(portal, *gateway_store().central_sources(owner.hospital), NOTHING)
    return in_units(gateway, portal)


def in_units(gateway: Gateway, portal: str) -> dict[str, int | None]:
    """Return what a gateway does as numbers of the forms' fields."""
    policy = gateway.policy_over(DEFAULTS[portal])
    return {
        "requests_per_address": gateway.requests_per_address,
        "requests_per_person": gateway.requests_per_person,
        "sign_ins_per_address": gateway.sign_ins_per_address,
        "largest_request_kb": gateway.largest_request // 1024,
        "idle_minutes": int(policy.idle.total_seconds() // 60),
        "absolute_minutes": int(policy.absolute.total_seconds() // 60),
        "confirm_after_minutes": int(policy.confirm_after.total_seconds() // 60),
        "shortest_password": policy.shortest_password,
        "password_history": policy.password_history,
        "password_days": policy.password_expires.days if policy.password_expires else None,
    }
