"""An address names a hospital that serves, or gets a page that says why not."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask import Flask, url_for

from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.models import Hospital, HospitalStatus
from app.tenancy.operations import resume_hospital, suspend_hospital
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR

SIGN_IN = "/h/alpha/hospital/sign-in"
PUBLIC = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    "path",
    ["/h/nowhere/hospital/sign-in", "/h/nowhere/", "/h/ALPHA/hospital/sign-in", "/h/Alpha/patient/sign-in", "/h//x",
     "/h/../admin/", "/h/%2e%2e/admin/", "/h/al%70ha%00/hospital/sign-in", "/h/alpha%0a/hospital/sign-in",
     f"/h/{quote('bệnh-viện')}/", "/h/alpha/h/beta/hospital/sign-in", "/h/alpha/h/alpha/hospital/sign-in",
     "/h/alpha/admin/", "/h/alpha/admin/sign-in", "/hospital/sign-in", "/h/alpha;x/hospital/sign-in"],
)  # fmt: skip
def test_an_address_that_names_no_hospital_properly_leads_nowhere(
    client: CheckingClient, alpha: str, path: str
) -> None:
    assert client.get(path).status_code == 404


def test_links_are_the_same_in_both_forms_of_address(app: Flask, hosted: Flask, single: Flask, alpha: str) -> None:
    found = []
    for made, path, host in (
        (app, "/h/alpha/hospital/sign-in", "localhost"),
        (hosted, "/hospital/sign-in", "alpha.hospitals.example"),
        (single, "/hospital/sign-in", "localhost"),
    ):
        with made.test_client() as browser:
            assert browser.get(path, headers={"Host": host}).status_code == 200
            found.append(url_for("hospital.sign_in", next="x"))
    assert found == ["/h/alpha/hospital/sign-in?next=x", "/hospital/sign-in?next=x", "/hospital/sign-in?next=x"]


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/hospital/sign-in", "alpha.hospitals.example", 200),
        ("/hospital/sign-in", "ALPHA.hospitals.example:443", 200),
        ("/h/alpha/hospital/sign-in", "alpha.hospitals.example", 200),
        ("/h/alpha/hospital/sign-in", "vien.example", 200),
        ("/h/beta/hospital/sign-in", "alpha.hospitals.example", 404),
        ("/hospital/sign-in", "nowhere.hospitals.example", 404),
        ("/hospital/sign-in", "kham.alpha.vn", 404),
        ("/hospital/sign-in", "vien.example", 404),
        ("/hospital/sign-in", "x.alpha.hospitals.example", 404),
        ("/admin/sign-in", "alpha.hospitals.example", 404),
        ("/admin/sign-in", "kham.alpha.vn", 404),
        ("/admin/sign-in", "vien.example", 200),
        ("/", "kham.alpha.vn", 404),
    ],
)
def test_in_host_mode_host_and_path_agree_or_nothing_is_served(
    hosted: Flask, app: Flask, alpha: str, path: str, host: str, status: int
) -> None:
    assert hosted.test_client().get(path, headers={"Host": host, **PUBLIC}).status_code == status


def test_a_hospitals_own_domain_names_it_and_contradicts_every_prefix(hosted: Flask, app: Flask, alpha: str) -> None:
    with app.app_context(), unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code == alpha).values(custom_domain="kham.alpha.vn"))
    try:
        with hosted.app_context():
            tenancy().registry.forget()
        browser, headers = hosted.test_client(), {"Host": "kham.alpha.vn", **PUBLIC}
        assert "Bệnh viện Alpha" in browser.get("/hospital/sign-in", headers=headers).get_data(as_text=True)
        for path in ("/h/alpha/hospital/sign-in", "/h/beta/hospital/sign-in", "/admin/sign-in"):
            assert browser.get(path, headers=headers).status_code == 404
    finally:
        with app.app_context(), unit_of_work() as session:
            session.execute(sa.update(Hospital).values(custom_domain=None))
        with hosted.app_context():
            tenancy().registry.forget()


def test_an_installation_for_one_hospital_has_its_portals_without_prefix_and_its_operators(
    single: Flask, app: Flask, alpha: str, beta: str
) -> None:
    browser = single.test_client()
    for path in ("/hospital/sign-in", "/patient/sign-in", "/admin/sign-in", "/h/beta/hospital/sign-in"):
        assert browser.get(path).status_code == 200, path
    assert browser.get("/h/alpha/admin/sign-in").status_code == 404


STATUSES = [
    (HospitalStatus.SUSPENDED, 503, "3600"),
    (HospitalStatus.PROVISIONING, 503, "15"),
    (HospitalStatus.ARCHIVED, 410, None),
]


@pytest.mark.parametrize(("status", "answer", "retry"), STATUSES)
@pytest.mark.parametrize("portal", ["hospital", "patient"])
def test_a_hospital_that_does_not_serve_says_so(
    app: Flask,
    client: CheckingClient,
    alpha: str,
    beta: str,
    status: HospitalStatus,
    answer: int,
    retry: str | None,
    portal: str,
) -> None:
    with app.app_context():
        with unit_of_work() as session:
            session.execute(sa.update(Hospital).where(Hospital.code == alpha).values(status=status))
        tenancy().registry.forget()
    response = client.get(f"/h/alpha/{portal}/sign-in")
    assert response.status_code == answer
    assert response.headers.get("Retry-After") == retry
    assert client.get(f"/h/beta/{portal}/sign-in").status_code == 200


def test_suspending_is_felt_at_the_next_request_and_so_is_resuming(app: Flask, sign_in_staff: Any, alpha: str) -> None:
    browser = sign_in_staff(alpha)
    assert browser.get(SIGN_IN).status_code == 303
    with app.app_context(), unit_of_work():
        suspend_hospital(ACTOR, alpha, "chưa gia hạn")
    page = browser.get(SIGN_IN)
    assert page.status_code == 503
    assert "tạm ngừng" in page.get_data(as_text=True)
    assert "chưa gia hạn" not in page.get_data(as_text=True)
    assert browser.post(SIGN_IN).status_code == 503
    with app.app_context(), unit_of_work():
        resume_hospital(ACTOR, alpha)
    assert browser.get(SIGN_IN).status_code == 303
