"""Rules made as operators and hospitals make them, and browsers that come from somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.gateway.operations import own_rules
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.gateway.addresses import parse_network
from app.tenancy.gateway.editing import POLICY as POLICY_NAMES
from app.tenancy.gateway.editing import RATES as RATE_NAMES
from app.tenancy.gateway.editing import (
    NewAddressRule,
    Settings,
    add_address_rule,
    remove_address_rule,
    save_policy,
    save_rates,
)
from app.tenancy.gateway.owners import Owner, platform_rules, rules_about
from app.tenancy.gateway.trying import Editor
from app.tenancy.models import AddressAction
from app.web import gateway as web_gateway
from tests.support.platform import ACTOR, Platform

NO_RATES: dict[str, Any] = {
    name: [] if name.endswith(("origins", "ancestors", "sources")) else False if name == "allow_list_only" else None
    for name in RATE_NAMES
}
NO_POLICY: dict[str, Any] = {name: False if name == "second_factor_required" else None for name in POLICY_NAMES}


class Rules:
    """Makes rules from outside of every portal; `of` is a hospital, `about:` a hospital, or `platform`."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def address(self, of: str, network: str, action: str = "deny", portal: str | None = None, **facts: Any) -> Any:
        wanted = NewAddressRule(parse_network(network), AddressAction(action), "thử", portal, **facts)
        return self._by(of, lambda owner, editor: add_address_rule(owner, editor, wanted).id)

    def remove(self, of: str, rule_id: Any) -> None:
        self._by(of, lambda owner, editor: remove_address_rule(owner, editor, rule_id))

    def rates(self, of: str, portal: str | None = None, *, version: int = 0, **values: Any) -> None:
        wanted = Settings(portal, version, {**NO_RATES, **values})
        self._by(of, lambda owner, editor: save_rates(owner, editor, wanted))

    def policy(self, of: str, portal: str | None = None, *, version: int = 0, **values: Any) -> None:
        wanted = Settings(portal, version, {**NO_POLICY, **values})
        self._by(of, lambda owner, editor: save_policy(owner, editor, wanted))

    def _by(self, of: str, act: Callable[[Owner, Editor], Any]) -> Any:
        kind, _, code = of.rpartition(":")
        with self._app.app_context():
            if kind == "about":
                with unit_of_work():
                    return act(rules_about(tenancy().registry.get_by_code(code)), Editor(ACTOR, "admin"))
            if of == "platform":
                with unit_of_work():
                    return act(platform_rules(), Editor(ACTOR, "admin"))
            with bind_hospital(code), unit_of_work():
                return act(own_rules(), Editor(ACTOR, "hospital"))


@pytest.fixture
def rules(app: Flask) -> Iterator[Rules]:
    """`rules.address("alpha", "10.0.0.0/8")`, `rules.rates("platform", …)`, `rules.policy("about:alpha", …)`."""
    web_gateway._noted.clear()
    yield Rules(app)
    web_gateway._noted.clear()


@pytest.fixture(scope="session")
def second(platform: Platform) -> Iterator[Flask]:
    """The same platform as another process would serve it."""
    made = platform.make_app()
    yield made
    _close(made)


@pytest.fixture
def made_with(platform: Platform, app: Flask) -> Iterator[Callable[..., Flask]]:
    """`made_with(proxy_hops=2)`: the platform with other settings."""
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        made.append(platform.make_app(**settings))
        return made[-1]

    yield make
    for each in made:
        _close(each)


def _close(made: Flask) -> None:
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()


@pytest.fixture(scope="session")
def hosted(platform: Platform) -> Iterator[Flask]:
    """The platform as in production: hospitals on hosts of their own, secure cookies, behind a proxy."""
    made = platform.make_app(
        hospital_host_suffix="hospitals.example", base_url="https://vien.example", secure_cookies=True, proxy_hops=1
    )
    yield made
    _close(made)
