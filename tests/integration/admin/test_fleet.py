"""The list of hospitals: the worst first, found, narrowed, and as many queries for many as for few."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from flask import Flask

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy.fleet import Condition, fleet_totals, list_fleet
from app.tenancy.models import HealthStatus, HospitalStatus, RunStatus
from tests.integration.admin.conftest import Register
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

SignIn = Callable[..., CheckingClient]


def test_the_worst_stands_first(app: Flask, register: Register) -> None:
    register("khoe")
    register("cham", health=HealthStatus.DEGRADED)
    register("hong", health=HealthStatus.DOWN)
    register("mat-tin", sync=RunStatus.FAILED)
    register("cu-ky", schema_revision="h000")
    register("nghi", status=HospitalStatus.SUSPENDED)
    register("xong", status=HospitalStatus.ARCHIVED)
    with app.app_context(), unit_of_work():
        rows = [(row.code, row.condition) for row in list_fleet().items if row.code not in ("alpha", "beta")]
    assert rows == [
        ("hong", "down"),
        ("cham", "degraded"),
        ("mat-tin", "sync_failed"),
        ("cu-ky", "behind"),
        ("khoe", "up"),
        ("nghi", "suspended"),
    ]


def test_what_was_not_checked_lately_is_not_called_healthy(app: Flask, register: Register) -> None:
    register("khoe")
    with app.app_context(), unit_of_work(), clock.frozen_at(clock.now() + timedelta(hours=1)):
        (row,) = [row for row in list_fleet().items if row.code == "khoe"]
    assert row.condition == Condition.UNKNOWN


def test_totals_add_up_over_everything_that_is_not_archived(app: Flask, register: Register) -> None:
    register("mot")
    register("hai", health=HealthStatus.DOWN)
    register("cat", status=HospitalStatus.ARCHIVED)
    with app.app_context(), unit_of_work():
        totals = fleet_totals()
    assert totals.hospitals == 4
    assert totals.patients == 2_400
    assert totals.size_bytes == 5_000_000_000
    assert totals.in_trouble == 3, "one is down, and alpha and beta were never checked"


def test_a_name_is_found_without_its_marks(sign_in_operator: SignIn, register: Register) -> None:
    register("hue", display_name="Bệnh viện Đường Huế")
    register("vinh", display_name="Bệnh viện Vinh")
    page = sign_in_operator().get("/admin/hospitals?q=duong+HUE").get_data(as_text=True)
    assert codes_in(page) == ["hue"]


def test_a_percent_sign_is_searched_for_as_such(sign_in_operator: SignIn, register: Register) -> None:
    register("hue")
    page = sign_in_operator().get("/admin/hospitals?q=%25").get_data(as_text=True)
    assert codes_in(page) == []


def test_the_list_narrows_to_a_state(sign_in_operator: SignIn, register: Register) -> None:
    register("khoe")
    register("hong", health=HealthStatus.DOWN)
    browser = sign_in_operator()
    assert codes_in(browser.get("/admin/hospitals?state=down").get_data(as_text=True)) == ["hong"]
    assert codes_in(browser.get("/admin/hospitals?state=up").get_data(as_text=True)) == ["khoe"]
    assert "hong" in codes_in(browser.get("/admin/hospitals?state=trouble").get_data(as_text=True))


def test_a_long_list_has_pages(sign_in_operator: SignIn, register: Register) -> None:
    for number in range(30):
        register(f"bv-{number:02d}")
    browser = sign_in_operator()
    first = codes_in(browser.get("/admin/hospitals").get_data(as_text=True))
    second = codes_in(browser.get("/admin/hospitals?page=2").get_data(as_text=True))
    assert (len(first), len(second)) == (25, 7)
    assert not set(first) & set(second)


def test_many_hospitals_cost_as_many_queries_as_two(sign_in_operator: SignIn, register: Register) -> None:
    browser = sign_in_operator()
    urls = ["/admin/hospitals", "/admin/sync", "/admin/audit", "/admin/hospitals/alpha"]
    few = [queries_of(browser, url) for url in urls]
    for number in range(30):
        register(f"bv-{number:02d}")
    assert [queries_of(browser, url) for url in urls] == few
    assert max(few) <= 8


def queries_of(browser: CheckingClient, url: str) -> int:
    """Return how many statements a page costs, once everything is warm."""
    browser.get(url)
    with count_queries() as statements:
        assert browser.get(url).status_code == 200
    return len(statements)


def codes_in(page: str) -> list[str]:
    """Return the codes of the hospitals that a page lists, in order."""
    body = page.partition("<tbody")[2]
    return re.findall(r'<a href="/admin/hospitals/([a-z0-9-]+)"', body)
