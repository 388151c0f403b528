"""What every route and blueprint must say of itself."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, Flask

from app.core.permissions import list_permissions, public, required_by, requires_sign_in
from app.web.guards import UnguardedRoute, check_access, refuse_unguarded
from app.web.sessions import PORTALS

SEGMENT = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*(\.(csv|ics|pdf))?$")


def test_every_route_declares_a_permission(app: Flask) -> None:
    undeclared = [endpoint for endpoint, view in app.view_functions.items() if required_by(view) is None]
    assert undeclared == []


def test_a_portals_route_asks_for_permissions_of_its_own_portal(app: Flask) -> None:
    portal_of = {permission.code: permission.portal for permission in list_permissions()}
    for endpoint, view in app.view_functions.items():
        portal = endpoint.split(".", 1)[0]
        if portal in PORTALS:
            foreign = {code for code in required_by(view) or () if portal_of[code] != portal}
            assert not foreign, f"{endpoint} asks for {foreign}"


def test_only_the_ways_in_are_open_to_everybody(app: Flask) -> None:
    words = {
        "sign_in",
        "second_factor",
        "sign_out",
        "index",
        "hand_off",
        "choose_hospital",
        "set_locale",
        "show",
        "alive",
    }
    words |= {"support_entry", "ready", "leave", "invitations_show", "invitations_accept", "invitations_new"}
    words |= {"answers_show", "answers_give"}
    words |= {"resets_new", "resets_show", "resets_accept"}
    words |= {"sms", "sign_in_challenge", "sign_in_passkey", "second_factor_challenge", "second_factor_passkey"}
    words |= {"second_factor_recovery", "second_factor_new", "second_factor_new_passkey"}
    words |= {"screen_show", "screen_live"}  # the address is the key, and shows numbers without names
    opened = {endpoint for endpoint, view in app.view_functions.items() if not requires_sign_in(view)}
    assert {endpoint for endpoint in opened if endpoint.split(".")[-1] not in words} == set()


def test_every_blueprint_has_its_guard(app: Flask) -> None:
    for name in app.blueprints:
        assert check_access in app.before_request_funcs.get(name, []), name


def test_urls_are_kebab_case(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        for segment in rule.rule.strip("/").split("/"):
            if segment and "<" not in segment:
                assert SEGMENT.match(segment), rule.rule


def test_arguments_of_routes_are_typed(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        untyped = re.findall(r"<([a-z_]+)>", rule.rule)
        assert not untyped, f"{rule.rule} takes any text as {untyped}: give it a converter"


@pytest.mark.parametrize("guarded", [True, False])
def test_the_application_does_not_start_with_an_open_door(guarded: bool) -> None:
    app = Flask("other")
    blueprint = Blueprint("extra", __name__)
    if guarded:
        blueprint.before_request(check_access)
    blueprint.add_url_rule("/x", "x", (lambda: "") if guarded else public(lambda: ""))
    app.register_blueprint(blueprint)
    with pytest.raises(UnguardedRoute):
        refuse_unguarded(app)
