"""Reading access rules from the databases they are kept in: all rows of one owner in one statement."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock

_ROWS = """
SELECT json_build_object(
    'rates', (SELECT coalesce(json_agg(to_json(r)), '[]') FROM gateway_rules r{owner}),
    'policies', (SELECT coalesce(json_agg(to_json(c)), '[]') FROM security_configs c{owner}),
    'addresses', (
        SELECT coalesce(json_agg(json_build_array(id, network::text, action, portal, extract(epoch FROM expires_at))), '[]')
        FROM ip_access_rules{owner}{joined}(expires_at IS NULL OR expires_at > :now)
    )
)::text
"""  # noqa: E501
OF_CENTRE = sa.text(
    _ROWS.format(owner=" WHERE hospital_id IS NOT DISTINCT FROM CAST(:hospital AS uuid)", joined=" AND ")
)
OF_HOSPITAL = sa.text(_ROWS.format(owner="", joined=" WHERE "))

NO_ROWS: dict[str, Any] = {"rates": [], "policies": [], "addresses": []}
KEPT = frozenset(
    {
        "portal", "requests_per_address", "requests_per_person", "sign_ins_per_address", "largest_request_kb",
        "hsts_days", "allow_list_only", "cors_origins", "cors_credential_origins", "frame_ancestors",
        "connect_sources", "image_sources", "idle_minutes", "absolute_minutes", "confirm_after_minutes",
        "second_factor_required", "shortest_password", "password_history", "password_days",
    }
)  # fmt: skip


def read_central(connection: sa.Connection, hospital_id: UUID | None) -> dict[str, Any]:
    """Return what operators say of a hospital, or without one of the whole platform."""
    return _read(connection, OF_CENTRE, {"hospital": hospital_id})


def read_own(connection: sa.Connection) -> dict[str, Any]:
    """Return what the hospital says whose database this is."""
    return _read(connection, OF_HOSPITAL, {})


def _read(connection: sa.Connection, query: sa.TextClause, values: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(connection.execute(query, {**values, "now": clock.now()}).scalar_one())
    for kind in ("rates", "policies"):
        # Who changed a row, and when, is nobody's business who asks what counts.
        found[kind] = [{name: value for name, value in row.items() if name in KEPT} for row in found[kind]]
    return dict(found)
