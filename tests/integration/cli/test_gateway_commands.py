"""`flask platform gateway show|allow|reset`: the way in that needs no web."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result
from flask import Flask

from tests.integration.gateway.conftest import Rules, rules, second

__all__ = ["rules", "second"]

FROM = "203.0.113.7"


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["platform", "gateway", *words])


def ask(app: Flask, url: str = "/admin/sign-in") -> int:
    status: int = app.test_client().get(url, environ_base={"REMOTE_ADDR": FROM}).status_code
    return status


def test_who_is_shut_out_comes_in_again_at_once(app: Flask, second: Flask, rules: Rules) -> None:
    rules.address("platform", FROM)
    rules.address("platform", "203.0.113.0/24", portal="admin")
    assert (ask(app), ask(second)) == (403, 403)
    result = run(app, "allow", FROM, "--hours", "2")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"network": f"{FROM}/32", "rules_removed": 1}
    assert (ask(app), ask(second)) == (200, 200)


def test_a_hospitals_own_rule_is_opened_too(app: Flask, alpha: str, rules: Rules) -> None:
    url = "/h/alpha/hospital/sign-in"
    rules.address("alpha", FROM)
    rules.address("about:alpha", "203.0.113.0/24")
    rules.rates("alpha", allow_list_only=True)
    assert ask(app, url) == 403
    assert run(app, "allow", FROM, "--hospital", "alpha").exit_code == 0
    assert ask(app, url) == 200


def test_it_says_what_would_happen_to_an_address(app: Flask, alpha: str, rules: Rules) -> None:
    rules.address("alpha", "203.0.113.0/24")
    result = run(app, "show", "--hospital", "alpha", "--address", FROM, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found == {"address": FROM, "comes_in": False, "said_by": "hospital", "network": "203.0.113.0/24"}
    shown = json.loads(run(app, "show", "--hospital", "alpha", "--json").stdout)
    assert shown["hospital_rules"] == ["deny 203.0.113.0/24"]
    assert shown["idle_minutes"] == 30
    assert "idle minutes" in run(app, "show").stdout


def test_a_reset_takes_rules_away_and_leaves_policies(app: Flask, alpha: str, rules: Rules) -> None:
    url = "/h/alpha/hospital/sign-in"
    rules.address("alpha", FROM)
    rules.rates("about:alpha", allow_list_only=True)
    rules.policy("alpha", idle_minutes=10)
    assert run(app, "reset", "--hospital", "alpha", "--yes").exit_code == 0
    assert ask(app, url) == 200
    assert json.loads(run(app, "show", "--hospital", "alpha", "--json").stdout)["idle_minutes"] == 10


def test_what_is_no_address_or_no_hospital_is_refused(app: Flask, alpha: str) -> None:
    assert run(app, "allow", "everybody").exit_code == 2
    assert run(app, "show", "--hospital", "nowhere").exit_code == 3
    assert run(app, "reset").exit_code != 0
