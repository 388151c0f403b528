"""The page of a hospital's database: where it is, and moving it to another server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import Operation, OperatorRole
from tests.support.client import CheckingClient
from tests.support.platform import Platform

SignIn = Callable[..., CheckingClient]
PAGE = "/admin/hospitals/alpha/database"


@pytest.fixture
def other_server(app: Flask, platform: Platform) -> Iterator[str]:
    """A further server in the register, which nobody has to reach."""
    with platform.admin() as central:
        central.execute(
            "INSERT INTO database_clusters (id, name, region, host, port, tls_mode, admin_credential, capacity)"
            " VALUES (%s, 'south', 'vn', 'db2', 5432, 'prefer', 'env:CLUSTER_ADMIN_URLS#south', 10)",
            (new_id(),),
        )
    yield "south"
    with platform.admin() as central:
        central.execute("DELETE FROM database_clusters WHERE name = 'south'")


def test_without_another_server_the_page_says_what_to_do(sign_in_operator: SignIn, alpha: str) -> None:
    page = sign_in_operator().get(PAGE)
    assert page.status_code == 200
    assert "add-cluster" in page.get_data(as_text=True)


def test_a_move_is_asked_for_with_the_code_typed(
    app: Flask, sign_in_operator: SignIn, alpha: str, other_server: str
) -> None:
    browser = sign_in_operator()
    assert "south" in browser.get(PAGE).get_data(as_text=True)
    assert browser.submit(PAGE, {"cluster": "south", "method": "auto", "typed": "beta"}).status_code == 422
    assert browser.submit(PAGE, {"cluster": "main", "method": "auto", "typed": alpha}).status_code == 422
    response = browser.submit(PAGE, {"cluster": "south", "method": "dump", "typed": alpha})
    assert response.status_code == 303
    assert browser.get(response.location).status_code == 200
    with app.app_context(), unit_of_work() as session:
        wanted = session.scalars(sa.select(Operation).where(Operation.kind == "hospital.move")).one()
        assert wanted.arguments == {"cluster": "south", "method": "dump"}


def test_who_may_not_move_hospitals_sees_where_one_is_and_no_form(
    sign_in_operator: SignIn, alpha: str, other_server: str
) -> None:
    browser = sign_in_operator(OperatorRole.SUPPORT)
    page = browser.get(PAGE)
    assert page.status_code == 200
    assert "csrf" not in page.get_data(as_text=True).split("<main", 1)[1].split("</main", 1)[0]
    assert browser.post(PAGE, data={"cluster": "south", "typed": alpha}).status_code in (400, 403)
