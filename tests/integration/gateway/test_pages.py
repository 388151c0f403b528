"""The pages of access rules: edited by who may, asked again, never two at once, and nobody shut out unknowingly."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.models import OperatorRole, PlatformAuditEntry, SecurityEvent
from tests.conftest import count_queries
from tests.integration.gateway.conftest import Rules
from tests.support.client import CheckingClient

OWN = "/h/alpha/hospital/gateway"
FLEET = "/admin/gateway"
ONE = "/admin/hospitals/alpha/gateway"
RULE = {"network": "198.51.100.0/24", "action": "deny", "rule_portal": "", "reason": "Dò mật khẩu", "expires_on": ""}


@pytest.fixture
def administrator(sign_in_staff: Any, alpha: str) -> CheckingClient:
    return sign_in_staff("alpha", "administrator")  # type: ignore[no-any-return]


@pytest.fixture
def operator(sign_in_operator: Any, alpha: str) -> CheckingClient:
    return sign_in_operator()  # type: ignore[no-any-return]


def who(request: pytest.FixtureRequest, url: str) -> CheckingClient:
    return request.getfixturevalue("administrator" if url == OWN else "operator")  # type: ignore[no-any-return]


def text_of(response: Any) -> str:
    return html.unescape(response.get_data(as_text=True))


def form_of(browser: CheckingClient, url: str) -> dict[str, str]:
    """Return the fields of a settings form as the page shows them."""
    page = browser.get(url).get_data(as_text=True)
    hidden = dict(re.findall(r'<input id="(version|was)" name="\1" type="hidden" value="([^"]*)"', page))
    return {name: html.unescape(value) for name, value in hidden.items()}


@pytest.mark.parametrize("url", [OWN, FLEET, ONE])
def test_a_rule_is_added_shown_and_taken_away(request: pytest.FixtureRequest, app: Flask, alpha: str, url: str) -> None:
    browser = who(request, url)
    assert browser.submit(f"{url}/addresses", RULE, page=url).status_code == 303
    page = text_of(browser.get(url))
    assert "198.51.100.0/24" in page
    assert "Dò mật khẩu" in page
    (rule,) = set(re.findall(r'name="rule" value="([^"]+)"', page))
    assert browser.submit(f"{url}/addresses/remove", {"rule": rule}, page=url).status_code == 303
    assert "198.51.100.0/24" not in text_of(browser.get(url))
    assert browser.submit(f"{url}/addresses/remove", {"rule": rule}, page=url).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("network", "everybody"),
        ("network", "10.0.0.1/8"),
        ("network", ""),
        ("reason", " "),
        ("expires_on", "31/02/2030"),
        ("expires_on", "01/01/2020"),
        ("expires_on", "01/01/2090"),
        ("action", "maybe"),
        ("rule_portal", "admin"),
    ],
)
def test_what_is_no_rule_is_shown_again_as_it_was_typed(administrator: CheckingClient, field: str, value: str) -> None:
    response = administrator.submit(f"{OWN}/addresses", {**RULE, field: value}, page=OWN)
    assert response.status_code == 422
    page = text_of(response)
    assert "error-summary" in page
    if field != "network":
        assert "198.51.100.0/24" in page


@pytest.mark.parametrize("url", [OWN, FLEET, ONE])
def test_settings_are_saved_and_count_at_once(request: pytest.FixtureRequest, app: Flask, alpha: str, url: str) -> None:
    browser = who(request, url)
    data = {**form_of(browser, f"{url}/rates?portal=patient"), "requests_per_address": "30"}
    assert browser.submit(f"{url}/rates?portal=patient", data).status_code == 303
    assert "30" in text_of(browser.get(f"{url}?portal=patient"))
    answers = [app.test_client().get("/h/alpha/patient/sign-in").status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]
    policy = {**form_of(browser, f"{url}/policy"), "idle_minutes": "10", "shortest_password": "16"}
    assert browser.submit(f"{url}/policy", policy).status_code == 303
    page = text_of(browser.get(url))
    assert "10 phút" in page
    assert "16 ký tự" in page


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        ("rates", "requests_per_address", "5"),
        ("rates", "requests_per_address", "viele"),
        ("rates", "sign_ins_per_address", "500"),
        ("rates", "largest_request_kb", "8000"),
        ("rates", "cors_origins", "*"),
        ("rates", "cors_origins", "https://*.hospital.vn"),
        ("rates", "cors_origins", "null"),
        ("rates", "frame_ancestors", "https://a.vn/path"),
        ("rates", "connect_sources", "https://a.vn; script-src 'unsafe-inline'"),
        ("rates", "image_sources", "data:"),
        ("policy", "idle_minutes", "60"),
        ("policy", "shortest_password", "8"),
        ("policy", "password_days", "5"),
    ],
)
def test_a_hospital_cannot_loosen_or_open_what_it_may_not(
    administrator: CheckingClient, form: str, field: str, value: str
) -> None:
    url = f"{OWN}/{form}?portal=hospital"
    response = administrator.submit(url, {**form_of(administrator, url), field: value})
    assert response.status_code == 422
    assert "error-summary" in text_of(response)


def test_two_people_do_not_overwrite_each_other(administrator: CheckingClient) -> None:
    url = f"{OWN}/rates?portal=hospital"
    first = form_of(administrator, url)
    assert administrator.submit(url, {**first, "requests_per_address": "600"}).status_code == 303
    response = administrator.submit(url, {**first, "requests_per_address": "900", "requests_per_person": "300"})
    assert response.status_code == 409
    page = text_of(response)
    assert "600" in page
    assert "900" in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    chosen = {"version": version.group(1), "requests_per_address": "900", "requests_per_person": "300"}
    assert administrator.submit(url, chosen).status_code == 303
    assert administrator.submit(url, {**first, "version": "x"}).status_code == 409


@pytest.mark.parametrize("url", [OWN, FLEET])
def test_whoever_would_shut_themselves_out_is_asked_by_name_of_the_address(
    request: pytest.FixtureRequest, app: Flask, alpha: str, url: str
) -> None:
    browser = who(request, url)
    data = {**RULE, "network": "127.0.0.0/8"}
    response = browser.submit(f"{url}/addresses", data, page=url)
    assert response.status_code == 409
    page = text_of(response)
    assert "127.0.0.1" in page
    assert 'name="network" value="127.0.0.0/8"' in page
    assert browser.get(url).status_code == 200
    wrong = browser.submit(f"{url}/addresses", {**data, "accept": "10.0.0.1"}, page=url)
    assert wrong.status_code == 409
    accepted = browser.submit(f"{url}/addresses", {**data, "accept": "127.0.0.1"}, page=url)
    assert accepted.status_code == 303
    assert browser.get(url).status_code == 403


def test_a_list_without_the_editor_and_taking_the_editor_off_the_list_ask_too(
    administrator: CheckingClient, rules: Rules
) -> None:
    url = f"{OWN}/rates?portal=hospital"
    listed = {**form_of(administrator, url), "allow_list_only": "y"}
    assert administrator.submit(url, listed).status_code == 409
    own = rules.address("alpha", "127.0.0.1", "allow")
    assert administrator.submit(url, listed).status_code == 303
    assert administrator.submit(f"{OWN}/addresses/remove", {"rule": str(own)}, page=OWN).status_code == 409
    assert administrator.get(OWN).status_code == 200


def test_a_limit_that_ends_the_editors_own_session_asks(app: Flask, administrator: CheckingClient) -> None:
    url = f"{OWN}/policy?portal=hospital"
    data = {**form_of(administrator, url), "absolute_minutes": "30", "idle_minutes": "30"}
    with clock.frozen_at(clock.now() + timedelta(minutes=29)):
        administrator.get(OWN)
        administrator.submit("/h/alpha/hospital/confirm", {"proof_password": _password()})
    with clock.frozen_at(clock.now() + timedelta(minutes=36)):
        response = administrator.submit(url, data)
    assert response.status_code == 409


def _password() -> str:
    from tests.factories.people import PASSWORD

    return PASSWORD


def test_nobody_shuts_everybody_out_of_the_operators_portal(operator: CheckingClient, rules: Rules) -> None:
    for network in ("::/0", "128.0.0.0/1"):
        rules.address("platform", network, portal="admin")
    data = {**RULE, "network": "0.0.0.0/1", "rule_portal": "admin", "accept": "127.0.0.1"}
    response = operator.submit(f"{FLEET}/addresses", data, page=FLEET)
    assert response.status_code == 422
    assert "cổng vận hành" in text_of(response)
    assert operator.get(FLEET).status_code == 200


def test_an_empty_list_for_operators_is_not_saved(operator: CheckingClient) -> None:
    url = f"{FLEET}/rates?portal=admin"
    data = {**form_of(operator, url), "allow_list_only": "y", "accept": "127.0.0.1"}
    assert operator.submit(url, data).status_code == 422
    assert operator.get(FLEET).status_code == 200


def test_trying_an_address_says_which_rule_decides(administrator: CheckingClient, rules: Rules) -> None:
    rules.address("platform", "203.0.113.0/24", portal="hospital")
    rules.address("alpha", "203.0.113.7", "allow", portal="hospital")
    page = text_of(administrator.get(f"{OWN}?portal=hospital&address=203.0.113.7"))
    assert "203.0.113.7 bị từ chối" in page
    assert "Quy tắc cho 203.0.113.0/24 quyết định" in page
    assert "Do nền tảng đặt" in page
    assert "::1 được cho vào" in text_of(administrator.get(f"{OWN}?portal=hospital&address=::1"))
    assert "Hãy nhập địa chỉ" in text_of(administrator.get(f"{OWN}?address=<script>"))


def test_changes_are_written_down_with_old_and_new_values(administrator: CheckingClient, bound: Any) -> None:
    url = f"{OWN}/rates?portal=hospital"
    administrator.submit(url, {**form_of(administrator, url), "requests_per_address": "600"})
    administrator.submit(url, {**form_of(administrator, url), "requests_per_address": "900"})
    with bound("alpha"):
        query = sa.select(AuditEntry.changes).where(AuditEntry.action == "gateway.change").order_by(AuditEntry.id)
        changes = db.session.scalars(query).all()
        model = HospitalSecurityEvent
        details = db.session.scalars(sa.select(model.details).where(model.kind == "gateway.change")).all()
    assert [entry["requests_per_address"] for entry in changes] == [[None, 600], [600, 900]]
    assert changes[1]["portal"] == "hospital"
    assert len(details) == 2


def test_what_operators_change_is_written_down_in_the_centre(app: Flask, operator: CheckingClient) -> None:
    operator.submit(f"{ONE}/addresses", RULE, page=ONE)
    with app.app_context(), unit_of_work() as session:
        query = sa.select(PlatformAuditEntry).where(PlatformAuditEntry.action == "gateway.address.add")
        entry = session.scalars(query).one()
        assert entry.changes["network"] == [None, "198.51.100.0/24"]
        assert entry.hospital_id is not None
        kinds = session.scalars(sa.select(SecurityEvent.kind)).all()
    assert "gateway.change" in kinds


@pytest.mark.parametrize("path", ["/addresses", "/addresses/remove", "/rates", "/policy"])
def test_who_proved_themselves_long_ago_is_asked_again(administrator: CheckingClient, path: str) -> None:
    token = administrator.csrf_token(OWN)
    with clock.frozen_at(clock.now() + timedelta(minutes=20)):
        response = administrator.post(f"{OWN}{path}", data={"csrf_token": token, **RULE})
    assert response.status_code == 403
    assert "proof_password" in text_of(response)


def test_only_who_may_sees_them(sign_in_staff: Any, sign_in_operator: Any, alpha: str) -> None:
    assert sign_in_staff("alpha", "doctor").get(OWN).status_code == 403
    assert sign_in_operator(OperatorRole.SUPPORT).get(FLEET).status_code == 403


@pytest.mark.parametrize("view", ["", "/rates", "/policy"])
@pytest.mark.parametrize("url", [OWN, FLEET, ONE])
def test_every_page_can_be_asked_for_as_part_of_a_page(
    request: pytest.FixtureRequest, alpha: str, url: str, view: str
) -> None:
    response = who(request, url).get(f"{url}{view}", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "<html" not in text_of(response)


def test_without_its_token_no_form_changes_anything(administrator: CheckingClient) -> None:
    assert administrator.post(f"{OWN}/addresses", data=RULE).status_code == 400


@pytest.mark.parametrize(("url", "most"), [(OWN, 6), (FLEET, 4), (ONE, 8)])
def test_the_page_asks_a_fixed_number_of_questions(
    request: pytest.FixtureRequest, alpha: str, rules: Rules, url: str, most: int
) -> None:
    for n in range(12):
        rules.address("alpha" if url == OWN else "platform", f"10.0.{n}.0/24")
    browser = who(request, url)
    browser.get(url)
    with count_queries() as statements:
        assert browser.get(url).status_code == 200
    assert len(statements) <= most, statements
