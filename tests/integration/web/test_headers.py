"""What every response says about itself to browsers and caches."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.http import parse_cookie

from tests.support.client import CheckingClient

PAGES = ["/", "/admin/sign-in", "/h/alpha/hospital/sign-in", "/h/alpha/patient/sign-in", "/nowhere", "/admin/hospitals"]


@pytest.mark.parametrize("url", PAGES)
def test_every_page_may_run_and_show_only_what_is_ours(client: CheckingClient, alpha: str, url: str) -> None:
    headers = client.get(url).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    for rule in ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
        assert rule in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers


@pytest.mark.parametrize("url", PAGES)
def test_a_fragment_and_a_page_are_never_taken_for_each_other(client: CheckingClient, alpha: str, url: str) -> None:
    varied = client.get(url).headers["Vary"]
    for name in ("HX-Request", "HX-Request-Type", "HX-History-Restore-Request"):
        assert name in varied


@pytest.mark.parametrize("url", [url for url in PAGES if url not in ("/", "/nowhere")])
def test_nobody_keeps_a_page_of_a_portal(client: CheckingClient, alpha: str, url: str) -> None:
    assert client.get(url).headers["Cache-Control"] == "no-store"


def test_every_response_has_a_number_of_its_own_and_a_sane_one_is_kept(client: CheckingClient) -> None:
    assert client.get("/").headers["X-Request-ID"] != client.get("/").headers["X-Request-ID"]
    assert client.get("/", headers={"X-Request-ID": "gateway-0000001"}).headers["X-Request-ID"] == "gateway-0000001"


def test_files_are_kept_for_ever_because_their_names_carry_their_content(client: CheckingClient) -> None:
    urls = re.findall(r'(?:href|src)="(/static/[^"#]+)', client.get("/").get_data(as_text=True))
    assert urls
    for url in urls:
        response = client.get(url)
        response.close()
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    "path", ["/static/../config.py", "/static/%2e%2e/config.py", "/static//etc/passwd", "/static/css/", "/static/x.css"]
)
def test_what_is_no_published_file_is_not_served(client: CheckingClient, path: str) -> None:
    assert client.get(path).status_code in (308, 404)


def set_cookies(response: Any) -> list[str]:
    return [cookie for cookie in response.headers.getlist("Set-Cookie") if "vien" in cookie]


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [
        ("/admin/sign-in", "vien-admin", "/"),
        ("/h/alpha/hospital/sign-in", "vien-hospital-alpha", "/h/alpha"),
        ("/h/alpha/patient/sign-in", "vien-patient-alpha", "/h/alpha"),
    ],
)
def test_a_cookie_is_one_portals_of_one_hospital_and_no_scripts(
    client: CheckingClient, alpha: str, url: str, name: str, path: str
) -> None:
    (cookie,) = set_cookies(client.get(url))
    assert cookie.startswith(f"{name}=")
    assert f"Path={path}" in cookie.split("; ")
    for attribute in ("HttpOnly", "SameSite=Lax"):
        assert attribute in cookie
    assert "Domain" not in cookie


def visit(hosted: Flask, url: str, **headers: str) -> Any:
    return hosted.test_client().get(url, headers={"X-Forwarded-Proto": "https", **headers})


def test_in_host_mode_cookies_belong_to_the_host_alone(hosted: Flask, app: Flask, alpha: str) -> None:
    (cookie,) = set_cookies(visit(hosted, "/hospital/sign-in", Host="alpha.hospitals.example"))
    assert cookie.startswith("__Host-vien-hospital-alpha=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "__Host-vien-hospital-alpha" in parse_cookie(cookie)


def test_in_production_browsers_are_told_to_stay_with_https(hosted: Flask, app: Flask, alpha: str) -> None:
    headers = visit(hosted, "/hospital/sign-in", Host="alpha.hospitals.example").headers
    assert "max-age=31556926" in headers["Strict-Transport-Security"]


def test_forms_may_go_to_the_hospitals_hosts_and_nowhere_else(hosted: Flask, app: Flask) -> None:
    policy = visit(hosted, "/patient/", Host="vien.example").headers["Content-Security-Policy"]
    assert "form-action 'self' *.hospitals.example" in policy


def test_only_the_nearest_proxy_is_believed(hosted: Flask, app: Flask) -> None:
    with hosted.test_client() as browser:
        browser.get("/", headers={"X-Forwarded-For": "6.6.6.6, 10.0.0.7", "Host": "vien.example"})
        assert request.remote_addr == "10.0.0.7"


def test_without_a_proxy_its_headers_are_not_believed(app: Flask) -> None:
    with app.test_client() as browser:
        browser.get("/", headers={"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil.example"})
        assert (request.remote_addr, request.host) == ("127.0.0.1", "localhost")
