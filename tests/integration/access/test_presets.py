"""Hospitals that exist get the preset roles of a release, once, and keep their own changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.core.db import db
from app.core.permissions import Scope
from app.domain.identity.models import Role
from app.domain.identity.permissions import ROLE_PRESETS
from app.domain.identity.role_content import read_fields, read_permissions
from app.domain.presets import has_new_presets, seed_roles
from tests.support.platform import Platform


def test_a_preset_role_that_is_missing_is_made_with_scope_and_fields(
    platform: Platform, bound: Any, alpha: str
) -> None:
    with platform.admin(alpha) as connection:
        for table in ("role_permissions", "role_field_rules"):
            connection.execute(f"DELETE FROM {table} WHERE role_id IN (SELECT id FROM roles WHERE code = 'cashier')")
        connection.execute("DELETE FROM roles WHERE code = 'cashier'")
        connection.execute("UPDATE roles SET name = 'Lễ tân' WHERE code = 'receptionist'")
    try:
        with bound(alpha):
            assert has_new_presets()
            assert seed_roles() == ["cashier"]
        with bound(alpha):
            assert not has_new_presets()
            assert seed_roles() == []
            role = db.session.scalars(sa.select(Role).where(Role.code == "cashier")).one()
            assert role.scope is Scope.HOSPITAL
            assert read_permissions(role.id) == ROLE_PRESETS["cashier"].permissions
            assert read_fields(role.id) == ROLE_PRESETS["cashier"].fields
            kept = db.session.scalars(sa.select(Role.name).where(Role.code == "receptionist")).one()
            assert kept == "Lễ tân"
    finally:
        with platform.admin(alpha) as connection:
            connection.execute(
                "UPDATE roles SET name = %s WHERE code = 'receptionist'", (ROLE_PRESETS["receptionist"].name,)
            )


def test_every_hospital_has_every_preset(bound: Any, alpha: str) -> None:
    with bound(alpha):
        scopes = {row.code: row.scope for row in db.session.execute(sa.select(Role.code, Role.scope))}
    assert {code: scopes[code] for code in ROLE_PRESETS} == {code: p.scope for code, p in ROLE_PRESETS.items()}
