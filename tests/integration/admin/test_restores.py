"""Operators restore, swap back, prove and import; people of the hospital see how their data is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import Role, RolePermission, StaffPermission
from app.domain.presets import give_new_permissions, has_new_presets
from app.tenancy.binding import bind_hospital
from app.tenancy.ledger.performing import perform
from app.tenancy.models import Backup, Operation, OperatorRole
from tests.integration.tenancy.restores.conftest import back_up
from tests.support.client import CheckingClient
from tests.support.platform import Platform

SignIn = Callable[..., CheckingClient]


@pytest.fixture
def gamma(app: Flask, platform: Platform) -> str:
    """A further hospital with a backup."""
    platform.create_hospital("gamma")
    with app.app_context():
        back_up("gamma")
    return "gamma"


def newest(app: Flask, kind: str) -> Any:
    with app.app_context(), unit_of_work() as session:
        row = session.scalars(sa.select(Operation).where(Operation.kind == kind)).one()
        session.expunge(row)
        return row


def backup_id(app: Flask) -> str:
    with app.app_context(), unit_of_work() as session:
        return str(session.scalars(sa.select(Backup.id)).one())


def test_a_restore_wants_a_backup_and_the_code_typed(app: Flask, gamma: str, sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    new, url = "/admin/hospitals/gamma/restores/new", "/admin/hospitals/gamma/restores"
    assert browser.get(new).status_code == 200
    wrong = browser.submit(url, {"backup": backup_id(app), "typed": "gama"}, page=new)
    assert wrong.status_code == 422
    done = browser.submit(url, {"backup": backup_id(app), "typed": "gamma"}, page=new)
    asked = newest(app, "hospital.restore")
    assert done.status_code == 303
    assert done.headers["Location"].endswith(f"/admin/operations/{asked.id}")
    assert asked.arguments == {"backup": backup_id(app)}


def test_a_restored_hospital_can_be_swapped_back_from_its_page(
    app: Flask, gamma: str, sign_in_operator: SignIn
) -> None:
    browser, page = sign_in_operator(), "/admin/hospitals/gamma/restores"
    browser.submit(page, {"backup": backup_id(app), "typed": "gamma"}, page=f"{page}/new")
    with app.app_context():
        perform(newest(app, "hospital.restore").id)
    assert "hospitals/gamma/swap-back" in browser.get(page).get_data(as_text=True)
    assert browser.submit("/admin/hospitals/gamma/swap-back", {"typed": "x"}, page=page).status_code == 422
    assert browser.submit("/admin/hospitals/gamma/swap-back", {"typed": "gamma"}, page=page).status_code == 303
    with app.app_context():
        perform(newest(app, "hospital.swap_back").id)
    assert browser.get("/h/gamma/hospital/sign-in").status_code == 200


def test_a_drill_is_asked_for_and_the_proof_is_shown_to_operators(
    app: Flask, gamma: str, sign_in_operator: SignIn
) -> None:
    browser, page = sign_in_operator(), "/admin/hospitals/gamma/restores"
    assert browser.submit("/admin/hospitals/gamma/drills", page=page).status_code == 303
    with app.app_context():
        perform(newest(app, "hospital.drill").id)
    for url in ("/admin/drills", "/admin/hospitals", page):
        assert "<time" in browser.get(url).get_data(as_text=True)


def test_an_import_is_asked_for_under_a_free_code(app: Flask, alpha: str, sign_in_operator: SignIn) -> None:
    browser, new = sign_in_operator(), "/admin/imports/new"
    form = {"location": "x/y", "code": "alpha", "name": "Delta", "display_name": "Delta", "region": "vn"}
    assert browser.submit("/admin/imports", form, page=new).status_code == 422
    assert browser.submit("/admin/imports", {**form, "code": "admin"}, page=new).status_code == 422
    assert browser.submit("/admin/imports", {**form, "code": "delta"}, page=new).status_code == 303
    assert newest(app, "hospital.import").arguments["code"] == "delta"


@pytest.mark.parametrize("act", ["restores", "swap-back", "drills"])
def test_support_restores_nothing(sign_in_operator: SignIn, alpha: str, act: str) -> None:
    browser = sign_in_operator(OperatorRole.SUPPORT)
    assert browser.submit(f"/admin/hospitals/alpha/{act}", page="/admin/hospitals").status_code == 403
    assert browser.get("/admin/imports/new").status_code == 403


def test_a_hospitals_administrator_sees_how_its_data_is_kept(app: Flask, alpha: str, sign_in_staff: SignIn) -> None:
    page = sign_in_staff(alpha, "administrator").get("/h/alpha/hospital/data-safety")
    assert page.status_code == 200
    assert "AES-256" in page.get_data(as_text=True)
    assert sign_in_staff(alpha, "nurse").get("/h/alpha/hospital/data-safety").status_code == 403


def test_a_permission_that_came_with_a_release_reaches_existing_hospitals_once(
    app: Flask, platform: Platform, gamma: str
) -> None:
    with platform.admin("gamma") as connection:
        connection.execute("DELETE FROM role_permissions WHERE permission_code = 'data_safety.view'")
        connection.execute("DELETE FROM permissions WHERE code = 'data_safety.view'")
    with app.app_context(), bind_hospital("gamma"):
        with unit_of_work():
            assert has_new_presets()
            assert give_new_permissions() == {"data_safety.view"}
        with unit_of_work() as session:
            given = sa.select(Role.code).join(RolePermission, RolePermission.role_id == Role.id)
            given = given.where(RolePermission.permission_code == "data_safety.view")
            assert session.scalars(given).all() == ["administrator"]
        with platform.admin("gamma") as connection:
            connection.execute("DELETE FROM role_permissions WHERE permission_code = 'data_safety.view'")
        with unit_of_work() as session:
            assert not has_new_presets()
            assert give_new_permissions() == set()
            assert session.scalars(given).all() == []
            assert session.get(StaffPermission, "data_safety.view") is not None
