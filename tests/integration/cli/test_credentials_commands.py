"""Commands about credentials and keys: what scripts can rely on."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.credentials import rotation
from app.tenancy.credentials.errors import ServerAway
from app.tenancy.ledger.leases import give_back, take_hospitals
from app.tenancy.ledger.queries import list_operations
from app.tenancy.models import OperationState


def run(app: Flask, *words: str) -> Result:
    """Run a command as a shell would."""
    return app.test_cli_runner().invoke(args=list(words))


def test_one_hospitals_credentials_are_replaced_and_no_password_is_printed(app: Flask, alpha: str) -> None:
    result = run(app, "hospital", "rotate-credentials", alpha, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    with app.app_context():
        place = tenancy().registry.get_by_code(alpha).whereabouts
    assert place is not None
    assert (facts["code"], facts["role"]) == (alpha, place.role)
    assert place.password not in result.output


def test_who_is_unknown_or_busy_is_told_so(app: Flask, alpha: str) -> None:
    assert run(app, "hospital", "rotate-credentials", "nowhere").exit_code == 3
    with app.app_context():
        assert take_hospitals([tenancy().registry.get_by_code(alpha).id], "somebody:1:x", "test")
        try:
            result = run(app, "hospital", "rotate-credentials", alpha)
        finally:
            give_back("somebody:1:x")
    assert result.exit_code == 6
    assert "Somebody" in result.stderr or "Another" in result.stderr


def test_the_fleet_leaves_with_4_when_some_keep_their_old_credentials(
    app: Flask, alpha: str, beta: str, monkeypatch: Any
) -> None:
    make = rotation.make_login
    with app.app_context():
        beta_id = tenancy().registry.get_by_code(beta).id

    def fail_for_beta(hospital_id: Any, role: str) -> Any:
        if hospital_id == beta_id:
            raise ServerAway("hanoi")
        return make(hospital_id, role)

    with monkeypatch.context() as patch:
        patch.setattr(rotation, "make_login", fail_for_beta)
        result = run(app, "fleet", "rotate-credentials")
    assert result.exit_code == 4
    assert "beta: The database server hanoi does not answer" in result.stderr
    assert "only what is left" in result.stderr
    with app.app_context(), unit_of_work():
        failed = list_operations(state=OperationState.FAILED).items[0]
    again = run(app, "platform", "retry", str(failed.id), "--json")
    assert (again.exit_code, json.loads(again.stdout)) == (0, {"rotated": 2})


def test_work_may_be_left_to_a_worker(app: Flask, alpha: str) -> None:
    result = run(app, "fleet", "rotate-credentials", "--detach", "--json")
    assert result.exit_code == 0
    with app.app_context(), unit_of_work():
        waiting = list_operations().items[0]
    assert (json.loads(result.stdout), waiting.state) == ({"operation": str(waiting.id)}, OperationState.QUEUED)


def test_keys_are_counted_and_renewing_twice_does_nothing_more(app: Flask, alpha: str, beta: str) -> None:
    result = run(app, "platform", "keys", "--json")
    assert result.exit_code == 0, result.stderr
    rows = {row["key"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert rows["k1"] == {"key": "k1", "state": "active", "total": 2, "hospital_databases.password": 2}
    assert run(app, "platform", "keys").stdout.startswith("k1")
    renewed = run(app, "platform", "rekey", "--json")
    assert json.loads(renewed.stdout) == {"key": "k1", "overtaken": 0, "hospitals": 2}
