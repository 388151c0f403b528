"""`flask hospital …` and `flask platform …`: data on stdout, words on stderr, exit codes that scripts can rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.models import Hospital, HospitalDatabase, PlatformAuditEntry
from tests.support.client import CheckingClient

PASSWORD = "mat-khau-dau-tien"


def run(app: Flask, *words: str, **facts: Any) -> Result:
    """Run a command as a shell would."""
    return app.test_cli_runner().invoke(args=list(words), **facts)


def test_a_hospital_is_created_with_its_administrator(app: Flask, client: CheckingClient) -> None:
    words = ["hospital", "create", "cho-moi", "--name", "Bệnh viện Chợ Mới", "--administrator", "quan.tri", "--json"]
    result = run(app, *words, env={"VIEN_ADMINISTRATOR_PASSWORD": PASSWORD})
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {"code": "cho-moi", "status": "active"}
    signed_in = client.submit("/h/cho-moi/hospital/sign-in", {"username": "quan.tri", "password": PASSWORD})
    assert signed_in.status_code == 303
    again = run(app, *words, env={"VIEN_ADMINISTRATOR_PASSWORD": PASSWORD})
    assert again.exit_code == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["hospital", "show", "nowhere"], 3),
        (["hospital", "check", "nowhere"], 3),
        (["hospital", "suspend", "nowhere", "--reason", "x", "--yes", "--confirm", "nowhere"], 3),
        (["hospital", "resume", "alpha"], 1),
        (["hospital", "create", "admin", "--name", "X"], 2),
        (["hospital", "create", "cho-moi", "--name", "X", "--domain", "10.0.0.1"], 2),
        (["hospital", "suspend", "alpha"], 2),
        (["hospital", "suspend", "alpha", "--reason", "x", "--yes", "--confirm", "beta"], 2),
    ],
)
def test_a_mistake_has_its_exit_code_and_leaves_stdout_empty(app: Flask, words: list[str], code: int) -> None:
    result = run(app, *words)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr


def test_the_list_is_one_object_a_line(app: Flask) -> None:
    result = run(app, "hospital", "list", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(row["code"] for row in rows) == ["alpha", "beta"]
    assert {row["condition"] for row in rows} == {"unknown"}, "nobody has checked them yet"


def test_a_check_tells_and_is_remembered(app: Flask) -> None:
    result = run(app, "hospital", "check", "alpha", "--json")
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "up")
    assert json.loads(run(app, "hospital", "show", "alpha", "--json").stdout)["health"] == "up"


def test_a_check_that_finds_one_down_ends_with_five(app: Flask) -> None:
    with app.app_context(), unit_of_work() as session:
        query = sa.select(HospitalDatabase.id, HospitalDatabase.database_name).join(Hospital)
        row = session.execute(query.where(Hospital.code == "alpha")).one()
        session.execute(name_database(row.id, "vh_0000000000000000"))
    try:
        result = run(app, "hospital", "check")
    finally:
        with app.app_context(), unit_of_work() as session:
            session.execute(name_database(row.id, row.database_name))
    assert result.exit_code == 5
    assert "alpha" in result.stderr
    assert "beta" in result.stdout


def test_suspending_asks_for_the_code_and_resuming_opens_again(app: Flask, client: CheckingClient) -> None:
    suspend = ["hospital", "suspend", "alpha", "--reason", "Bảo trì"]
    assert run(app, *suspend, "--dry-run").exit_code == 0
    assert client.get("/h/alpha/hospital/sign-in").status_code == 200
    assert run(app, *suspend, input="beta\n").exit_code == 2
    assert client.get("/h/alpha/hospital/sign-in").status_code == 200
    assert run(app, *suspend, input="alpha\n").exit_code == 0
    assert client.get("/h/alpha/hospital/sign-in").status_code == 503
    assert run(app, "hospital", "resume", "alpha").exit_code == 0
    assert client.get("/h/alpha/hospital/sign-in").status_code == 200
    with app.app_context(), unit_of_work() as session:
        names = session.scalars(
            sa.select(PlatformAuditEntry.actor_name).where(PlatformAuditEntry.action == "hospital.suspend")
        )
        assert list(names) == ["command line"]


def test_a_command_that_makes_databases_says_what_it_lacks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["settings"].model_copy(update={"database_admin_url": None})
    monkeypatch.setitem(app.extensions, "settings", settings)
    for words in (["hospital", "create", "cho-moi", "--name", "X"], ["platform", "bootstrap"]):
        result = run(app, *words)
        assert result.exit_code == 1
        assert "DATABASE_ADMIN_URL" in result.stderr


def test_bootstrapping_again_changes_nothing(app: Flask) -> None:
    result = run(app, "platform", "bootstrap", "--json")
    assert result.exit_code == 0, result.stderr
    assert set(json.loads(result.stdout)) == {"database", "role"}


def test_an_operator_is_created_once(app: Flask) -> None:
    words = ["platform", "create-operator", "ops", "--name", "Lê Trực", "--email", "ops@vien.example"]
    assert run(app, *words, "--password", "ngan").exit_code == 2
    assert run(app, *words, "--password", PASSWORD, "--json").exit_code == 0
    assert run(app, *words, "--password", PASSWORD).exit_code == 1


def name_database(database_id: object, name: str) -> sa.Update:
    """Say which database is a hospital's."""
    return sa.update(HospitalDatabase).where(HospitalDatabase.id == database_id).values(database_name=name)
