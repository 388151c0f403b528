"""Every permission opens a route, or is named here as one whose pages are still to come."""

from __future__ import annotations

from flask import Flask

from app.core.permissions import list_permissions, required_by
from app.domain.identity.permissions import OPERATOR_PRESETS, PATIENT_PERMISSIONS, ROLE_PRESETS

TO_COME: frozenset[str] = frozenset({})


def test_every_permission_opens_a_route_or_is_named_as_one_to_come(app: Flask) -> None:
    declared = {permission.code for permission in list_permissions()}
    asked = {code for view in app.view_functions.values() for code in required_by(view) or ()}
    assert asked <= declared
    assert declared - asked <= TO_COME


def test_every_permission_is_in_a_preset(app: Flask) -> None:
    given = {code for preset in ROLE_PRESETS.values() for code in preset.permissions}
    given |= {code for preset in OPERATOR_PRESETS.values() for code in preset} | PATIENT_PERMISSIONS
    assert {permission.code for permission in list_permissions()} <= given
