"""What operators do at a hospital's end, in the portal: asked twice, followed, taken back, certified."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.jobs.ending import ask_for_due_deletions
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.queries import list_waiting
from app.tenancy.models import Hospital, HospitalStatus, OperatorRole, PlatformAuditEntry
from tests.integration.admin.conftest import FORM
from tests.support.client import CheckingClient
from tests.support.platform import Platform

SignIn = Callable[..., CheckingClient]

PAGE = "/admin/hospitals/gamma/lifecycle"
TYPED = {"typed": "gamma"}
WHY = {"reason": "Bệnh viện đã giải thể", **TYPED}


@pytest.fixture
def gamma(app: Flask, platform: Platform) -> str:
    platform.create_hospital("gamma")
    return "gamma"


@pytest.fixture
def operator(sign_in_operator: SignIn) -> CheckingClient:
    return sign_in_operator()


def work_off(app: Flask) -> None:
    """Do what a worker would."""
    with app.app_context():
        with unit_of_work():
            waiting = list_waiting()
        for operation_id, _kind in waiting:
            perform(operation_id)


def set_gamma(app: Flask, **values: Any) -> None:
    with app.app_context(), unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code == "gamma").values(**values))


def status_of(app: Flask) -> HospitalStatus:
    with app.app_context(), unit_of_work() as session:
        return session.scalars(sa.select(Hospital.status).where(Hospital.code == "gamma")).one()


def test_archiving_wants_a_reason_and_the_code(app: Flask, gamma: str, operator: CheckingClient) -> None:
    page = f"{PAGE}/archive"
    assert operator.get(page).status_code == 200
    for wrong in ({}, {"reason": "Đóng"}, {"reason": "Đóng", "typed": "alpha"}, {"reason": " ", **TYPED}):
        assert operator.submit(page, wrong).status_code == 422
    asked = operator.submit(page, WHY)
    assert asked.status_code == 303
    assert operator.get(asked.location).status_code == 200
    work_off(app)
    assert status_of(app) is HospitalStatus.ARCHIVED
    closed = operator.get("/h/gamma/hospital/sign-in")
    assert closed.status_code == 410
    assert operator.submit(f"{PAGE}/unarchive", page=PAGE).status_code == 303
    work_off(app)
    assert status_of(app) is HospitalStatus.SUSPENDED


def test_a_deletion_is_asked_for_taken_back_and_certified(app: Flask, gamma: str, operator: CheckingClient) -> None:
    set_gamma(app, status=HospitalStatus.SUSPENDED, status_reason="Hợp đồng hết hạn")
    assert operator.get(PAGE).status_code == 200
    page = f"{PAGE}/delete"
    assert operator.get(page).status_code == 200
    assert operator.submit(page, {"reason": "Đóng"}).status_code == 422
    assert operator.submit(page, WHY).status_code == 303
    work_off(app)
    pending = operator.get(PAGE).get_data(as_text=True)
    assert "Bệnh viện đã giải thể" in pending
    assert operator.submit("/admin/hospitals/gamma/resume", page=PAGE).status_code == 409
    assert operator.submit(f"{PAGE}/keep", page=PAGE).status_code == 303
    assert operator.submit(f"{PAGE}/keep", page=f"{PAGE}/delete").status_code == 409
    assert operator.submit(page, {**WHY, "destroy_backups": "y"}).status_code == 303
    work_off(app)
    assert operator.get("/admin/hospitals/gamma/certificate").status_code == 404
    set_gamma(app, delete_after=sa.func.now() - sa.text("interval '1 hour'"))
    with app.app_context():
        ask_for_due_deletions()
    work_off(app)
    assert status_of(app) is HospitalStatus.DELETED
    for seen in (
        PAGE,
        "/admin/hospitals/gamma",
        "/admin/hospitals/gamma/certificate",
        "/admin/hospitals?state=deleted",
    ):
        assert operator.get(seen).status_code == 200, seen
    handed_out = operator.get("/admin/hospitals/gamma/certificate/download").get_json()
    assert handed_out["document"]["hospital"]["code"] == "gamma"
    assert handed_out["document"]["asked"]["by"] == "Vận hành Thử"
    assert "gamma" not in operator.get("/admin/hospitals").get_data(as_text=True)
    assert operator.get("/h/gamma/hospital/sign-in").status_code == 404


def test_a_hospital_that_was_not_made_is_given_up(app: Flask, gamma: str, operator: CheckingClient) -> None:
    set_gamma(app, status=HospitalStatus.PROVISIONING)
    assert operator.get(PAGE).status_code == 200
    assert operator.get(f"{PAGE}/abandon").status_code == 200
    assert operator.submit(f"{PAGE}/abandon", {"typed": "beta"}).status_code == 422
    assert operator.submit(f"{PAGE}/abandon", TYPED).status_code == 303
    work_off(app)
    assert operator.get(PAGE).status_code == 404


def test_an_exit_kit_is_made_and_handed_out_with_a_note_of_who_took_it(
    app: Flask, gamma: str, operator: CheckingClient
) -> None:
    assert operator.submit("/admin/hospitals/gamma/exit-kits", page=PAGE).status_code == 303
    work_off(app)
    page = operator.get(PAGE).get_data(as_text=True)
    found = re.search(r"/exit-kits/([^\"]+)", page)
    assert found
    name = found.group(1)
    url = f"/admin/hospitals/gamma/exit-kits/{name}"
    assert operator.submit(url, {"typed": "alpha"}).status_code == 422
    taken = operator.submit(url, TYPED)
    assert (taken.status_code, taken.mimetype) == (200, "application/zip")
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(taken.data)).namelist()
    with app.app_context(), unit_of_work() as session:
        query = sa.select(PlatformAuditEntry.actor_name).where(PlatformAuditEntry.action == "exit_kit.download")
        assert session.scalars(query).all() == ["Vận hành Thử"]
    gone = operator.submit("/admin/hospitals/gamma/exit-kits/nothing.zip", TYPED)
    assert gone.status_code == 404


@pytest.mark.parametrize(
    "url", [f"{PAGE}/archive", f"{PAGE}/delete", f"{PAGE}/abandon", "/admin/hospitals/gamma/exit-kits/x.zip"]
)
def test_support_sees_the_page_and_may_do_none_of_it(gamma: str, sign_in_operator: SignIn, url: str) -> None:
    support = sign_in_operator(OperatorRole.SUPPORT)
    assert support.get(PAGE).status_code == 200
    assert support.get(url).status_code == 403
    assert "/lifecycle/delete" not in support.get(PAGE).get_data(as_text=True)


def test_the_servers_are_listed_and_offered_for_a_new_hospital(app: Flask, operator: CheckingClient) -> None:
    assert "main" in operator.get("/admin/clusters").get_data(as_text=True)
    assert 'value="main"' in operator.get("/admin/hospitals/new").get_data(as_text=True)


def test_without_room_the_form_says_so(app: Flask, platform: Platform, operator: CheckingClient) -> None:
    with platform.admin() as connection:
        connection.execute("UPDATE database_clusters SET accepts_new = false")
    try:
        refused = operator.submit("/admin/hospitals", FORM, page="/admin/hospitals/new")
    finally:
        with platform.admin() as connection:
            connection.execute("UPDATE database_clusters SET accepts_new = true")
    assert refused.status_code == 422
    assert 'id="region-error"' in refused.get_data(as_text=True)
