"""From the form to a hospital that can be signed in to: bad input, the worker's part, a step that fails, resuming."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.queue import queue_named, redis_connection
from app.core.unit_of_work import unit_of_work
from app.jobs import worker
from app.jobs.operations import sweep_operations
from app.tenancy import making
from app.tenancy.cluster import Cluster
from app.tenancy.cluster_errors import ClusterUnreachable
from app.tenancy.ledger.queries import find_newest, list_to_retry
from app.tenancy.making import STEPS, provision_hospital
from app.tenancy.models import Hospital, HospitalAdministrator, HospitalStatus, PlatformAuditEntry
from app.tenancy.provisioning import CREATE
from app.tenancy.queries import get_hospital
from tests.integration.admin.conftest import FORM
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR

SignIn = Callable[..., CheckingClient]

URL, NEW = "/admin/hospitals", "/admin/hospitals/new"


def test_a_hospital_is_made_and_its_administrator_signs_in(
    app: Flask, sign_in_operator: SignIn, client: CheckingClient
) -> None:
    response = sign_in_operator().submit(URL, FORM, page=NEW)
    assert (response.status_code, response.headers["Location"]) == (303, "/admin/hospitals/cho-moi")
    assert client.get("/h/cho-moi/hospital/sign-in").status_code == 503, "nobody can reach it before it is made"
    with app.app_context():
        assert queue_named("fleet").count == 1, "a worker was asked"
        provision_hospital(ACTOR, "cho-moi")
        with unit_of_work() as session:
            assert session.scalar(sa.select(HospitalAdministrator.password_hash)) is None
    signed_in = client.submit(
        "/h/cho-moi/hospital/sign-in", {"username": FORM["username"], "password": FORM["password"]}
    )
    assert signed_in.status_code == 303
    assert client.get("/h/cho-moi/patient/sign-in").status_code == 200


def test_the_page_follows_the_making_and_then_says_that_it_is_done(app: Flask, sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    browser.submit(URL, FORM, page=NEW)
    page = browser.get("/admin/hospitals/cho-moi").get_data(as_text=True)
    assert 'data-live="operations"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    with app.app_context(), unit_of_work():
        operation_id = find_newest(CREATE, get_hospital("cho-moi").id).row.id
    progress = f"/admin/operations/{operation_id}/progress"
    fragment = browser.get(progress, headers={"HX-Request": "true"})
    assert fragment.get_data(as_text=True).count("timeline__item ") == len(STEPS)
    with app.app_context():
        provision_hospital(ACTOR, "cho-moi")
    done = browser.get(progress, headers={"HX-Request": "true"})
    assert (done.status_code, done.headers["HX-Refresh"]) == (204, "true")
    page = browser.get("/admin/hospitals/cho-moi").get_data(as_text=True)
    assert "data-live=" not in page
    assert 'href="/h/cho-moi/hospital/"' in page
    assert 'href="/h/cho-moi/patient/"' in page


def test_the_sweep_makes_what_no_job_was_queued_for(app: Flask, sign_in_operator: SignIn) -> None:
    sign_in_operator().submit(URL, FORM, page=NEW)
    with app.app_context():
        redis_connection().flushdb()
        sweep_operations()
        (job,) = queue_named("fleet").get_jobs()
        worker.perform(*job.args)
        assert status_of("cho-moi") is HospitalStatus.ACTIVE


def test_a_failed_step_is_told_kept_and_resumed(
    app: Flask, sign_in_operator: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in_operator()
    browser.submit(URL, FORM, page=NEW)
    with app.app_context():
        nowhere = Cluster("postgresql://nobody:geheim@127.0.0.1:1/postgres")
        with monkeypatch.context() as patched, pytest.raises(ClusterUnreachable):
            patched.setattr(making, "administer", lambda _place: nowhere)
            provision_hospital(ACTOR, "cho-moi")
    page = browser.get("/admin/hospitals/cho-moi").get_data(as_text=True)
    assert "notice--danger" in page
    assert "/retry" in page
    assert "data-live=" not in page
    assert "geheim" not in page
    assert "Thiết lập thất bại" in browser.get("/admin/hospitals").get_data(as_text=True)
    with app.app_context():
        assert status_of("cho-moi") is HospitalStatus.PROVISIONING
        with unit_of_work():
            assert list_to_retry() == [], "the sweep leaves it alone for a while"
            operation_id = find_newest(CREATE, get_hospital("cho-moi").id).row.id
    assert browser.submit(f"/admin/operations/{operation_id}/retry", page=URL).status_code == 303
    assert "data-live=" in browser.get("/admin/hospitals/cho-moi").get_data(as_text=True)
    with app.app_context():
        provision_hospital(ACTOR, "cho-moi")
        assert status_of("cho-moi") is HospitalStatus.ACTIVE


def test_what_is_finished_is_not_tried_again(app: Flask, sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    browser.submit(URL, FORM, page=NEW)
    with app.app_context():
        provision_hospital(ACTOR, "cho-moi")
        with unit_of_work():
            operation_id = find_newest(CREATE, get_hospital("cho-moi").id).row.id
    assert browser.submit(f"/admin/operations/{operation_id}/retry", page=URL).status_code == 409


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("code", "", "Hãy nhập mã bệnh viện."),
        ("code", "   ", "Hãy nhập mã bệnh viện."),
        ("code", "Chợ Mới", "3"),
        ("code", "x" * 41, "40"),
        ("code", "-cho", "3"),
        ("code", "admin", "dành riêng"),
        ("code", "new", "dành riêng"),
        ("code", "alpha", "mã này"),
        ("name", "", "Hãy nhập tên pháp lý."),
        ("name", "B" * 201, "200"),
        ("display_name", "", "Hãy nhập tên hiển thị."),
        ("display_name", "B" * 81, "80"),
        ("custom_domain", "https://a.vn/x", "kham.benhvien.vn"),
        ("custom_domain", "localhost", "kham.benhvien.vn"),
        ("custom_domain", "10.0.0.1", "kham.benhvien.vn"),
        ("custom_domain", "a" * 64 + ".vn", "kham.benhvien.vn"),
        ("max_users", "", "số nguyên"),
        ("max_users", "nhiều", "số nguyên"),
        ("max_users", "0", "100.000"),
        ("max_storage_gb", "9" * 30, "100.000"),
        ("full_name", "", "họ tên"),
        ("username", "Quản Trị", "3 đến 50"),
        ("password", "ngan", "12"),
        ("password", "d" * 129, "128"),
        ("region", "moon", "error-summary"),
        ("plan", "golden", "error-summary"),
        ("timezone", "Mars/Olympus", "error-summary"),
    ],
)
def test_bad_input_is_said_at_its_field_and_nothing_is_lost(
    app: Flask, sign_in_operator: SignIn, field: str, value: str, words: str
) -> None:
    typed = {**FORM, "name": "Bệnh viện Giữ Lại", field: value}
    response = sign_in_operator().submit(URL, typed, page=NEW)
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert f'id="{field}-error"' in page
    assert 'id="error-summary"' in page
    assert words.casefold() in page.casefold()
    assert "<title>Lỗi:" in page
    if field != "name":
        assert "Bệnh viện Giữ Lại" in page
    assert FORM["password"] not in page
    with app.app_context(), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Hospital)) == 2
        assert queue_named("fleet").count == 0


def test_a_domain_that_another_hospital_has_is_refused(sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    assert browser.submit(URL, {**FORM, "custom_domain": "Kham.Benhvien.VN"}, page=NEW).status_code == 303
    second = {**FORM, "code": "thu-hai", "custom_domain": "kham.benhvien.vn"}
    response = browser.submit(URL, second, page=NEW)
    assert response.status_code == 422
    assert 'id="custom_domain-error"' in response.get_data(as_text=True)


def test_a_form_without_its_token_is_refused(app: Flask, sign_in_operator: SignIn) -> None:
    assert sign_in_operator().post(URL, data=FORM).status_code == 400
    with app.app_context(), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Hospital)) == 2


def test_the_request_is_written_down_without_the_password(app: Flask, sign_in_operator: SignIn) -> None:
    browser = sign_in_operator()
    browser.submit(URL, FORM, page=NEW)
    with app.app_context(), unit_of_work() as session:
        query = sa.select(PlatformAuditEntry).where(PlatformAuditEntry.action == "hospital.request")
        entry = session.scalars(query).one()
        assert entry.actor_id == browser.person["id"]
        assert FORM["password"] not in str(entry.changes)
    assert "Yêu cầu tạo bệnh viện" in browser.get("/admin/audit?hospital=cho-moi").get_data(as_text=True)


def status_of(code: str) -> HospitalStatus:
    """Return a hospital's status."""
    with unit_of_work() as session:
        return session.scalars(sa.select(Hospital.status).where(Hospital.code == code)).one()
