"""What other sites may do with ours, and what browsers are told: only what stands in a list, never more for scripts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from tests.integration.gateway.conftest import Rules

URL = "/h/alpha/patient/sign-in"
SITE = "https://www.alpha.vn"


def ask(app: Flask, url: str = URL, method: str = "GET", **headers: str) -> Any:
    return app.test_client().open(
        url, method=method, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


def test_without_rules_no_site_reads_anything(app: Flask, alpha: str) -> None:
    response = ask(app, Origin=SITE)
    assert "Access-Control" not in str(response.headers)


def test_a_listed_site_reads_answers_of_its_portal_without_credentials(
    app: Flask, alpha: str, beta: str, rules: Rules
) -> None:
    rules.rates("alpha", "patient", cors_origins=[SITE])
    headers = ask(app, Origin=SITE).headers
    assert headers["Access-Control-Allow-Origin"] == SITE
    assert "Access-Control-Allow-Credentials" not in headers
    assert "Origin" in headers["Vary"]
    for url in ("/h/alpha/hospital/sign-in", "/h/beta/patient/sign-in", "/admin/sign-in"):
        assert "Access-Control-Allow-Origin" not in ask(app, url, Origin=SITE).headers


def test_only_a_site_listed_for_it_reads_as_the_person(app: Flask, alpha: str, rules: Rules) -> None:
    rules.rates("alpha", "patient", cors_origins=[SITE], cors_credential_origins=["https://portal.alpha.vn"])
    assert ask(app, Origin="https://portal.alpha.vn").headers["Access-Control-Allow-Credentials"] == "true"
    assert "Access-Control-Allow-Credentials" not in ask(app, Origin=SITE).headers


@pytest.mark.parametrize(
    "origin",
    [
        "null", "*", "http://www.alpha.vn", "https://www.alpha.vn.evil.example", "https://evil.example", "",
        "https://www.alpha.vn:8443", "https://WWW.ALPHA.VN", "https://www.alpha.vn/", "https://x.www.alpha.vn",
        "https://www.alpha.vn@evil.example", "https://wwwxalpha.vn",
    ],
)  # fmt: skip
def test_a_hostile_origin_gets_nothing_and_caches_are_told_that_it_matters(
    app: Flask, alpha: str, rules: Rules, origin: str
) -> None:
    rules.rates("alpha", "patient", cors_origins=[SITE], cors_credential_origins=[SITE])
    for method in ("GET", "OPTIONS"):
        headers = ask(app, method=method, Origin=origin, Access_Control_Request_Method="POST").headers
        assert "Access-Control" not in str(headers)
        assert "Origin" in headers["Vary"]


def test_a_browser_that_asks_first_is_told_what_it_may_send(app: Flask, alpha: str, rules: Rules) -> None:
    rules.rates("alpha", "patient", cors_origins=[SITE])
    response = ask(app, method="OPTIONS", Origin=SITE, Access_Control_Request_Method="POST")
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    assert "*" not in response.headers["Access-Control-Allow-Headers"]


def test_a_listed_site_still_needs_the_token_of_a_form(
    app: Flask, alpha: str, rules: Rules, sign_in_staff: Any
) -> None:
    rules.rates("alpha", cors_origins=[SITE], cors_credential_origins=[SITE])
    browser = sign_in_staff("alpha", "administrator")
    response = browser.post("/h/alpha/hospital/gateway/addresses", data={"network": "::/0"}, headers={"Origin": SITE})
    assert response.status_code == 400


def test_listed_sites_may_show_ours_in_a_frame_and_scripts_stay_ours(
    app: Flask, alpha: str, beta: str, rules: Rules
) -> None:
    rules.rates(
        "alpha", "patient", frame_ancestors=[SITE], connect_sources=["https://api.alpha.vn"],
        image_sources=["https://img.alpha.vn"],
    )  # fmt: skip
    headers = ask(app).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["frame-ancestors"] == SITE
    assert policy["connect-src"] == "'self' https://api.alpha.vn"
    assert policy["img-src"] == "'self' data: https://img.alpha.vn"
    assert re.fullmatch(r"'self' 'nonce-[\w-]+'", policy["script-src"])
    assert re.fullmatch(r"'self' 'nonce-[\w-]+'", policy["style-src"])
    assert policy["object-src"] == "'none'"
    assert "X-Frame-Options" not in headers
    for url in ("/h/alpha/hospital/sign-in", "/h/beta/patient/sign-in"):
        other = ask(app, url).headers
        assert "frame-ancestors 'none'" in other["Content-Security-Policy"]
        assert other["X-Frame-Options"] == "DENY"


def secure(hosted: Flask) -> Any:
    headers = {"Host": "alpha.hospitals.example", "X-Forwarded-Proto": "https"}
    return hosted.test_client().get("/patient/sign-in", headers=headers).headers


def test_a_hospital_keeps_browsers_with_https_for_longer_never_for_less(
    hosted: Flask, app: Flask, alpha: str, rules: Rules
) -> None:
    rules.rates("alpha", hsts_days=1)
    assert "max-age=31556926" in secure(hosted)["Strict-Transport-Security"]
    rules.rates("about:alpha", hsts_days=30)
    assert "max-age=2592000" in secure(hosted)["Strict-Transport-Security"]
    rules.rates("alpha", version=1, hsts_days=730)
    assert "max-age=63072000" in secure(hosted)["Strict-Transport-Security"]
