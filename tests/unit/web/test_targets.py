"""A redirect leads to a place on this host, read as a browser reads it."""

from __future__ import annotations

import pytest
from flask import Flask

from app.web.targets import local_target, page_before

INSIDE = "/h/alpha/hospital/"


@pytest.mark.parametrize(
    "wanted",
    [
        "/h/alpha/hospital/",
        "/h/alpha/hospital/today",
        "/h/alpha/hospital/search?q=a..b&next=//x",
        "/h/alpha/hospital/x%20y#part",
    ],
)
def test_a_place_inside_is_taken(wanted: str) -> None:
    assert local_target(wanted, INSIDE) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None, "", "/", "//evil.example", "//evil.example/h/alpha/hospital/", "/\\evil.example", "\\\\evil.example",
        "https://evil.example/h/alpha/hospital/", "javascript:alert(1)", "data:text/html,x", "/h/alpha/hospital",
        "/h/beta/hospital/today", "/h/alpha/patient/home", "/admin/", "h/alpha/hospital/", " /h/alpha/hospital/",
        "/h/alpha/hospital/../patient/", "/h/alpha/hospital/%2e%2e/%2E%2e/beta/hospital/", "/h/alpha/hospital/.%2e/x",
        "/h/alpha/hospital/.\t./x", "/h/alpha/hospital/\n", "/h/alpha/hospital/\\..\\x", "/h/alpha/hospital/x\x00",
    ],
)  # fmt: skip
def test_a_place_outside_is_refused(wanted: str | None) -> None:
    assert local_target(wanted, INSIDE) is None


@pytest.mark.parametrize("wanted", ["//evil.example", "/\t/evil.example", "/\n/evil.example", "/\\evil.example"])
def test_at_the_root_another_host_is_still_another_host(wanted: str) -> None:
    assert local_target(wanted, "/") is None


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ({}, None),
        ({"Referer": "http://localhost/h/alpha/hospital/new?x=1"}, "/h/alpha/hospital/new?x=1"),
        ({"Referer": "http://localhost.evil.example/x"}, None),
        ({"Referer": "https://localhost/x"}, None),
        ({"Referer": "http://localhost/old", "HX-Current-URL": "http://localhost/new"}, "/new"),
    ],
)
def test_the_page_before_is_known_from_this_host_only(headers: dict[str, str], page: str | None) -> None:
    with Flask("any").test_request_context("/", headers=headers):
        assert page_before() == page
