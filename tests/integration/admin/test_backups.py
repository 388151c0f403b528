"""The pages of backups: who may see and do what, a policy that makes no sense, another hospital's backup."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.policies import Policy, find_policy
from app.tenancy.models import OperatorRole
from app.tenancy.queries import get_hospital
from tests.integration.tenancy.restores.conftest import back_up, backup_of
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

SignIn = Callable[..., CheckingClient]

POLICY = {
    "every_hours": "12", "keep_daily": "3", "keep_weekly": "2", "keep_monthly": "1", "keep_yearly": "0",
    "drill_every_days": "5",
}  # fmt: skip
PAGE = "/admin/hospitals/alpha/backups"


@pytest.fixture
def backup_id(app: Flask, alpha: str) -> str:
    """The id of a backup of alpha."""
    with app.app_context():
        back_up(alpha)
        return str(backup_of(alpha).id)


def test_a_backup_is_listed_with_what_is_known_of_it(backup_id: str, sign_in_operator: SignIn) -> None:
    page = sign_in_operator().get(PAGE).get_data(as_text=True)
    assert "Hoàn tất" in page
    assert f"/admin/hospitals/alpha/restores/new?backup={backup_id}" in page
    fleet = sign_in_operator(username="second").get("/admin/backups").get_data(as_text=True)
    assert fleet.index("Beta") < fleet.index("Alpha"), "who has no backup comes first"
    assert "quá hạn" in fleet


def test_asking_twice_asks_once(app: Flask, sign_in_operator: SignIn) -> None:
    browser = sign_in_operator(OperatorRole.TECHNICIAN)
    places = {browser.submit(PAGE, page=PAGE).headers["Location"] for _ in range(2)}
    assert len(places) == 1
    assert places.pop().startswith("/admin/operations/")


def test_support_sees_and_does_nothing(sign_in_operator: SignIn) -> None:
    browser = sign_in_operator(OperatorRole.SUPPORT)
    assert browser.get(PAGE).status_code == 200
    assert browser.submit(PAGE, page="/admin/hospitals").status_code == 403
    assert browser.submit("/admin/hospitals/alpha/backup-policy", POLICY, page="/admin/hospitals").status_code == 403


def test_a_policy_is_changed_and_shown(app: Flask, sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    assert browser.submit("/admin/hospitals/alpha/backup-policy", POLICY, page=PAGE).status_code == 303
    with app.app_context(), unit_of_work():
        assert find_policy(get_hospital("alpha").id) == Policy(12, 3, 2, 1, 0, 5)
        assert find_policy(get_hospital("beta").id) == Policy()
    assert 'value="12"' in browser.get(PAGE).get_data(as_text=True)


@pytest.mark.parametrize(("field", "value"), [("every_hours", "0"), ("keep_daily", "0"), ("keep_weekly", "-1"),
    ("drill_every_days", "nhiều"), ("keep_yearly", "51"), ("every_hours", "")])  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused_and_not_lost(sign_in_operator: SignIn, field: str, value: str) -> None:
    browser = sign_in_operator()
    answer = browser.submit("/admin/hospitals/alpha/backup-policy", POLICY | {field: value}, page=PAGE)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert f'href="#{field}"' in page
    assert 'value="5"' in page or field == "drill_every_days"


def test_another_hospitals_backup_is_not_found_here(backup_id: str, sign_in_operator: SignIn) -> None:
    url = f"/admin/hospitals/beta/backups/{backup_id}/verify"
    assert sign_in_operator().submit(url, page=PAGE).status_code == 404


def test_the_fleets_list_takes_a_fixed_number_of_queries(sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    browser.get("/admin/backups")
    with count_queries() as counted:
        browser.get("/admin/backups")
    assert len(counted) <= 6
