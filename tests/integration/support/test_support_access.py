"""Support access: asked for, granted for hours, seen by the hospital, and ended at the next request."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.routing import Rule, UUIDConverter

from app.core import clock
from app.core.db import db
from app.core.permissions import required_by, requires_sign_in
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.messages.models import OutboundMessage
from app.domain.patients.models import Confidentiality
from app.domain.security.models import HospitalSecurityEvent
from app.domain.support.models import SupportGrant, SupportSession
from app.domain.support.rules import GRANTABLE_CODES
from app.tenancy.models import PlatformUser, SupportState
from tests.factories import make_patient
from tests.integration.support.conftest import HOSPITAL, OURS
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

WELCOME = f"{HOSPITAL}/support/welcome"


@pytest.fixture
def visitor(ask: Any, grant: Any, go_in: Any) -> CheckingClient:
    """An operator inside, who may see patients and appointments; `.person` is the grant's id."""
    support_id = ask()
    grant(support_id)
    browser: CheckingClient = go_in(support_id)
    browser.person = support_id
    return browser


def is_inside(browser: CheckingClient) -> bool:
    return browser.get(WELCOME).status_code == 200


def test_a_request_reaches_the_hospital_and_its_administrators(
    ask: Any, administrator: CheckingClient, bound: Any, alpha: str
) -> None:
    support_id = ask("Màn hình tiếp đón trống")
    page = administrator.get(f"{HOSPITAL}/support/{support_id}")
    assert "Màn hình tiếp đón trống" in page.text
    assert str(support_id) in administrator.get(f"{HOSPITAL}/support").text
    with bound(alpha):
        letter = db.session.scalars(sa.select(OutboundMessage)).one()
        assert letter.recipient == "quan.tri@vien.example"
        assert f"support/{support_id}" in letter.body


def test_carrying_the_same_request_twice_has_one_effect(ask: Any, carry: Any, bound: Any, alpha: str) -> None:
    ask()
    carry()
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count(SupportGrant.id))) == 1


def test_nobody_asks_twice_before_the_answer(ask: Any, operator: CheckingClient, alpha: str) -> None:
    ask()
    again = operator.submit(f"/admin/hospitals/{alpha}/support", {"reason": "Again", "hours": "4"})
    assert again.status_code == 409


@pytest.mark.parametrize(("reason", "hours"), [("", "4"), ("x", "0"), ("x", "73"), ("x" * 501, "4"), ("x", "many")])
def test_a_bad_request_is_shown_again_with_what_was_typed(
    operator: CheckingClient, alpha: str, reason: str, hours: str
) -> None:
    page = operator.submit(f"/admin/hospitals/{alpha}/support", {"reason": reason, "hours": hours})
    assert page.status_code == 422
    assert "error-summary" in page.text


def test_the_answer_comes_back_to_the_operator(
    ask: Any, grant: Any, operator: CheckingClient, requests_of: Any
) -> None:
    support_id = ask()
    assert "/enter" not in operator.get("/admin/support").text
    grant(support_id, "patients.view", hours=3)
    (request,) = requests_of()
    assert request.state is SupportState.GRANTED
    assert request.permissions == ["patients.view"]
    assert f"/admin/support/{support_id}/enter" in operator.get("/admin/support").text


def test_a_refusal_comes_back_and_opens_nothing(
    ask: Any, carry: Any, administrator: CheckingClient, operator: CheckingClient, requests_of: Any
) -> None:
    support_id = ask()
    page = f"{HOSPITAL}/support/{support_id}"
    assert administrator.submit(f"{page}/refuse", page=page).status_code == 303
    carry()
    assert requests_of()[0].state is SupportState.REFUSED
    assert operator.submit(f"/admin/support/{support_id}/enter", page="/admin/support").status_code == 409
    assert (
        administrator.submit(f"{page}/grant", {"hours": "1", "permissions": "patients.view"}, page=page).status_code
        == 409
    )


@pytest.mark.parametrize(
    "permission", ["patients.register", "records.write", "support.grant", "audit.export", "nothing"]
)
def test_nothing_but_looking_can_be_granted(
    ask: Any, administrator: CheckingClient, bound: Any, alpha: str, permission: str
) -> None:
    support_id = ask()
    page = f"{HOSPITAL}/support/{support_id}"
    answer = administrator.submit(f"{page}/grant", {"hours": "1", "permissions": permission}, page=page)
    assert answer.status_code == 422
    with bound(alpha):
        assert db.session.get_one(SupportGrant, support_id).state is SupportState.ASKED


def test_what_can_be_granted_are_the_permissions_that_show() -> None:
    assert {code for code in GRANTABLE_CODES if not code.endswith(".view")} == set()


@pytest.mark.parametrize("hours", ["0", "73", "-1", "x"])
def test_the_hospital_grants_72_hours_at_most(ask: Any, administrator: CheckingClient, hours: str) -> None:
    page = f"{HOSPITAL}/support/{ask()}"
    sent = {"hours": hours, "permissions": "patients.view"}
    assert administrator.submit(f"{page}/grant", sent, page=page).status_code == 422


def test_only_who_may_answer_sees_the_requests(ask: Any, sign_in_staff: Any, alpha: str) -> None:
    support_id = ask()
    doctor = sign_in_staff(alpha, "doctor")
    assert doctor.get(f"{HOSPITAL}/support").status_code == 403
    assert doctor.get(f"{HOSPITAL}/support/{support_id}").status_code == 403


def test_a_visitor_sees_what_was_granted_and_a_banner_on_every_page(visitor: CheckingClient) -> None:
    for page in (WELCOME, f"{HOSPITAL}/today", f"{HOSPITAL}/search"):
        shown = visitor.get(page)
        assert shown.status_code == 200, page
        assert "Quyền hỗ trợ có hiệu lực đến" in shown.text
    for page in ("patients/new", "support", "data-safety", "administration", "account", "confirm"):
        assert visitor.get(f"{HOSPITAL}/{page}").status_code == 403, page


def one_of(rule: Rule, name: str, some_id: UUID) -> Any:
    """Return a value that a rule takes for one of its arguments: an id, one of its few words, or any word."""
    converter = rule._converters[name]
    return some_id if isinstance(converter, UUIDConverter) else min(getattr(converter, "items", {"x"}))


def test_a_visitor_changes_nothing(app: Flask, visitor: CheckingClient, bound: Any, alpha: str) -> None:
    token = visitor.csrf_token(WELCOME)
    with bound(alpha):
        patient_id = make_patient().id
    adapter = app.url_map.bind("localhost")
    tried = 0
    for rule in app.url_map.iter_rules():
        name = rule.endpoint.split(".")[-1]
        if not rule.endpoint.startswith("hospital.") or "POST" not in (rule.methods or set()):
            continue
        if name in ("sign_out", "sign_in", "second_factor", "support_entry") or name.startswith(
            ("invitation", "reset")
        ):
            continue
        if not requires_sign_in(app.view_functions[rule.endpoint]):
            continue
        path = adapter.build(rule.endpoint, {name: one_of(rule, name, patient_id) for name in rule.arguments}, "POST")
        assert visitor.post(f"/h/alpha{path}", data={"csrf_token": token}).status_code == 403, rule.rule
        tried += 1
    assert tried > 10


def test_everything_a_visitor_sees_is_on_record_and_shown_to_the_hospital(
    visitor: CheckingClient, administrator: CheckingClient, bound: Any, alpha: str
) -> None:
    with bound(alpha):
        patient = make_patient(full_name="Trần Thị Dấu Vết")
        patient_id = patient.id
    assert "Dấu Vết" in visitor.get(f"{HOSPITAL}/patients/{patient_id}").text
    with bound(alpha):
        seen = db.session.scalars(sa.select(AccessEntry).where(AccessEntry.patient_ids.contains([patient_id]))).one()
        assert (seen.actor_kind, seen.basis, seen.grant_id) == ("operator", "support", visitor.person)
        actions = set(db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.subject_id == visitor.person)))
        assert {"support.ask", "support.grant", "support.enter", "support.view"} <= actions
        kinds = set(db.session.scalars(sa.select(HospitalSecurityEvent.kind)))
        assert {"support.grant", "support.enter"} <= kinds
    page = administrator.get(f"{HOSPITAL}/support/{visitor.person}").text
    assert f"/patients/{patient_id}" in page


def test_a_visit_ends_at_the_request_after_the_hospital_ended_it(
    visitor: CheckingClient, administrator: CheckingClient, carry: Any, requests_of: Any
) -> None:
    assert is_inside(visitor)
    page = f"{HOSPITAL}/support/{visitor.person}"
    assert administrator.submit(f"{page}/end", page=page).status_code == 303
    assert not is_inside(visitor)
    carry()
    assert requests_of()[0].state is SupportState.ENDED
    assert administrator.submit(f"{page}/end", page=page).status_code == 409


def test_a_visit_ends_with_the_grants_time(visitor: CheckingClient) -> None:
    with clock.frozen_at(clock.now() + timedelta(hours=2, minutes=3)):
        assert not is_inside(visitor)


def test_a_visit_ends_by_idleness(visitor: CheckingClient, bound: Any, alpha: str) -> None:
    with bound(alpha):
        db.session.execute(sa.update(SupportSession).values(last_seen_at=clock.now() - timedelta(minutes=31)))
    assert not is_inside(visitor)


def test_a_visit_ends_with_the_operators_account(app: Flask, visitor: CheckingClient) -> None:
    with app.app_context(), unit_of_work() as session:
        session.execute(sa.update(PlatformUser).values(disabled_at=clock.now()))
    assert not is_inside(visitor)


def test_a_request_of_a_disabled_operator_is_taken_back(
    app: Flask, ask: Any, grant: Any, carry: Any, bound: Any, alpha: str
) -> None:
    support_id = ask()
    grant(support_id)
    with app.app_context(), unit_of_work() as session:
        session.execute(sa.update(PlatformUser).values(disabled_at=clock.now()))
    carry()
    with bound(alpha):
        found = db.session.get_one(SupportGrant, support_id)
        assert (found.state, found.ended_by) == (SupportState.ENDED, "operator")


def test_the_operator_gives_it_back(
    visitor: CheckingClient, operator: CheckingClient, carry: Any, bound: Any, alpha: str
) -> None:
    url = f"/admin/support/{visitor.person}/give-back"
    assert operator.submit(url, page="/admin/support").status_code == 303
    carry()
    assert not is_inside(visitor)
    with bound(alpha):
        assert db.session.get_one(SupportGrant, visitor.person).state is SupportState.ENDED
    assert operator.submit(url, page="/admin/support").status_code == 409


def test_signing_out_ends_the_visit_and_not_the_grant(visitor: CheckingClient, go_in: Any) -> None:
    assert visitor.submit(f"{HOSPITAL}/sign-out", page=WELCOME).status_code == 303
    assert not is_inside(visitor)
    assert is_inside(go_in(visitor.person))


# The way in


def test_a_way_in_works_once(app: Flask, ask: Any, grant: Any, way_in: Any) -> None:
    support_id: UUID = ask()
    grant(support_id)
    token = way_in(support_id)
    first, second = app.test_client(), app.test_client()
    assert first.post(f"{HOSPITAL}/support-entry", data={"token": token}, headers=OURS).status_code == 303
    assert second.post(f"{HOSPITAL}/support-entry", data={"token": token}, headers=OURS).status_code == 403


def test_a_way_in_works_for_a_minute(app: Flask, ask: Any, grant: Any, way_in: Any) -> None:
    support_id = ask()
    grant(support_id)
    token = way_in(support_id)
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        late = app.test_client().post(f"{HOSPITAL}/support-entry", data={"token": token}, headers=OURS)
    assert late.status_code == 403


def test_a_way_in_does_not_work_at_another_hospital(app: Flask, ask: Any, grant: Any, way_in: Any, beta: str) -> None:
    support_id = ask()
    grant(support_id)
    token = way_in(support_id)
    elsewhere = app.test_client().post("/h/beta/hospital/support-entry", data={"token": token}, headers=OURS)
    assert elsewhere.status_code == 403


def test_a_way_in_ends_with_the_grant(
    app: Flask, ask: Any, grant: Any, way_in: Any, administrator: CheckingClient
) -> None:
    support_id = ask()
    grant(support_id)
    token = way_in(support_id)
    page = f"{HOSPITAL}/support/{support_id}"
    administrator.submit(f"{page}/end", page=page)
    answer = app.test_client().post(f"{HOSPITAL}/support-entry", data={"token": token}, headers=OURS)
    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_stranger_page_cannot_send_somebody_in(
    app: Flask, ask: Any, grant: Any, way_in: Any, headers: dict[str, str]
) -> None:
    support_id = ask()
    grant(support_id)
    answer = app.test_client().post(f"{HOSPITAL}/support-entry", data={"token": way_in(support_id)}, headers=headers)
    assert answer.status_code == 403


def test_another_operators_grant_is_nobodys_way_in(ask: Any, grant: Any, sign_in_operator: Any) -> None:
    support_id = ask()
    grant(support_id)
    other = sign_in_operator()
    assert other.submit(f"/admin/support/{support_id}/enter", page="/admin/support").status_code == 404


def test_a_visits_cookie_opens_no_other_portal_and_no_other_hospital(
    app: Flask, visitor: CheckingClient, beta: str
) -> None:
    cookie = visitor.get_cookie("vien-hospital-alpha", path="/h/alpha")
    assert cookie is not None
    for name, path, page in (
        ("vien-hospital-beta", "/h/beta", "/h/beta/hospital/support/welcome"),
        ("vien-patient-alpha", "/h/alpha", "/h/alpha/patient/home"),
        ("vien-admin", "/", "/admin/hospitals"),
    ):
        thief = app.test_client()
        thief.set_cookie(name, cookie.value, path=path)
        assert "/sign-in" in thief.get(page).location


def test_a_visit_takes_over_no_session_that_the_browser_had(
    app: Flask, ask: Any, grant: Any, way_in: Any, sign_in_staff: Any, alpha: str
) -> None:
    support_id = ask()
    grant(support_id)
    browser = sign_in_staff(alpha, "doctor")
    before = browser.get_cookie("vien-hospital-alpha", path="/h/alpha").value
    browser.post(f"{HOSPITAL}/support-entry", data={"token": way_in(support_id)}, headers=OURS)
    assert browser.get_cookie("vien-hospital-alpha", path="/h/alpha").value != before
    assert browser.get(f"{HOSPITAL}/patients/new").status_code == 403


def test_without_a_grant_an_operator_is_nobody_in_the_hospital(
    app: Flask, operator: CheckingClient, alpha: str
) -> None:
    cookie = operator.get_cookie("vien-admin", path="/")
    assert cookie is not None
    thief = app.test_client()
    for path in ("/", "/h/alpha"):
        thief.set_cookie("vien-hospital-alpha", cookie.value, path=path)
    asked = 0
    for rule in app.url_map.iter_rules():
        guarded = requires_sign_in(app.view_functions[rule.endpoint])
        if not rule.endpoint.startswith("hospital.") or rule.arguments or "GET" not in rule.methods or not guarded:
            continue
        for browser in (operator, thief):
            answer = browser.get(f"/h/alpha{rule.rule}")
            assert answer.status_code == 303, rule.rule
            assert "/sign-in" in answer.location, rule.rule
            asked += 1
    assert asked > 10


def test_the_pages_ask_few_questions(
    ask: Any, grant: Any, go_in: Any, administrator: CheckingClient, operator: CheckingClient
) -> None:
    support_id = ask()
    grant(support_id)
    go_in(support_id)
    for browser, page in (
        (administrator, f"{HOSPITAL}/support"),
        (administrator, f"{HOSPITAL}/support/{support_id}"),
        (operator, "/admin/support"),
        (operator, "/admin/hospitals/alpha/support"),
    ):
        with count_queries() as queries:
            assert browser.get(page).status_code == 200
        assert len(queries) <= 5, page


def test_the_pages_say_no_more_than_they_must(ask: Any, operator: CheckingClient) -> None:
    ask()
    assert not re.search(r"password|CCCD", operator.get("/admin/support").text)


def test_a_visitor_sees_no_confidential_patient(visitor: CheckingClient, bound: Any, alpha: str) -> None:
    with bound(alpha):
        hidden_id = make_patient(full_name="Lê Văn Kín", confidentiality=Confidentiality.RESTRICTED).id
        plain_id = make_patient(full_name="Phạm Thị Thường").id
    assert "Lê Văn Kín" not in visitor.get(f"{HOSPITAL}/search?q=Kín").text
    refused = visitor.get(f"{HOSPITAL}/patients/{hidden_id}")
    assert refused.status_code in (403, 404)
    assert "Lê Văn Kín" not in refused.text
    assert "Phạm Thị Thường" in visitor.get(f"{HOSPITAL}/patients/{plain_id}").text


def test_a_visitor_is_refused_every_page_that_was_not_granted(app: Flask, visitor: CheckingClient) -> None:
    granted, adapter, refused = {"patients.view", "appointments.view"}, app.url_map.bind("localhost"), 0
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if not rule.endpoint.startswith("hospital.") or "GET" not in (rule.methods or ()) or not requires_sign_in(view):
            continue
        if (required_by(view) or {""}) <= granted or rule.endpoint == "hospital.support_welcome":
            continue
        path = adapter.build(rule.endpoint, {name: one_of(rule, name, uuid4()) for name in rule.arguments}, "GET")
        assert visitor.get(f"/h/alpha{path}").status_code == 403, rule.rule
        refused += 1
    assert refused > 10
