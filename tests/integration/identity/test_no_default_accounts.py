"""Outside the demo nothing comes with an account: not a platform, not a hospital (ASVS 5.0, 6.3.2)."""

from __future__ import annotations

import ast
import secrets
from pathlib import Path

import pytest
from flask import Flask

from app.tenancy.models import Hospital
from tests.support.platform import Platform

APP = Path(__file__).resolve().parents[3] / "app"


def test_a_new_platform_has_no_operator(app: Flask, platform: Platform) -> None:
    fresh = f"vt_{secrets.token_hex(8)}"  # a name by which other test processes know whose it is
    with platform.cluster.connect() as connection:
        connection.execute(f'CREATE DATABASE "{fresh}" OWNER vien_central_owner TEMPLATE template0')
    try:
        platform.cluster.migrate(fresh, "central")
        with platform.cluster.connect(fresh) as connection:
            assert connection.execute("SELECT count(*) FROM platform_users").fetchone() == (0,)
    finally:
        with platform.cluster.connect() as connection:
            connection.execute(f'DROP DATABASE "{fresh}" WITH (FORCE)')


def test_a_new_hospital_has_nobody_but_whom_an_operator_named(app: Flask, platform: Platform) -> None:
    platform.create_hospital("gamma")
    with platform.admin("gamma") as connection:
        for table in ("staff_users", "patient_users", "invitations", "password_resets"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # type: ignore[arg-type]


def test_the_demo_is_no_part_of_the_application() -> None:
    reached = [
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        if not path.is_relative_to(APP / "cli")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.cli.demo")
    ]
    assert reached == []


@pytest.mark.parametrize("name", [Hospital.__tablename__])
def test_no_hospital_is_there_before_it_is_asked_for(app: Flask, platform: Platform, name: str) -> None:
    with platform.admin() as connection:
        rows = connection.execute(f"SELECT code FROM {name} WHERE is_demo").fetchall()  # type: ignore[arg-type]
    assert rows == []
