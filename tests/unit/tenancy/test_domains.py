"""What may be a hospital's own domain, and where its portals are then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.core.errors import InvalidValue
from app.tenancy.domains import parse_domain, portal_url


def settings(suffix: str | None = "vien.example", base_url: str = "https://vien.example") -> Any:
    """Return as much of the settings as domains need."""
    return SimpleNamespace(base_url=base_url, hospital_host_suffix=suffix)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", None),
        ("  ", None),
        ("kham.benhvien.vn", "kham.benhvien.vn"),
        (" Kham.BenhVien.VN. ", "kham.benhvien.vn"),
        ("bệnhviện.vn", "xn--bnhvin-ik8be.vn"),
    ],
)
def test_a_domain_is_read_as_it_stands_in_addresses(typed: str, read: str | None) -> None:
    assert parse_domain(typed, settings()) == read


@pytest.mark.parametrize(
    "typed",
    [
        "vn",
        "a..vn",
        "-a.vn",
        "a_b.vn",
        "a b.vn",
        "https://a.vn",
        "a.vn/x",
        "a.vn:80",
        "10.1.2.3",
        "a" * 64 + ".vn",
        "a." * 130 + "vn",
    ],
)
def test_what_is_no_domain_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse_domain(typed, settings())
    assert error.value.field == "custom_domain"


@pytest.mark.parametrize("typed", ["vien.example", "cho-ray.vien.example", "VIEN.example"])
def test_the_platforms_own_domain_is_nobodys(typed: str) -> None:
    with pytest.raises(InvalidValue):
        parse_domain(typed, settings())


@pytest.mark.parametrize(
    ("given", "domain", "url"),
    [
        (settings(suffix=None), None, "/h/cho-ray/hospital/"),
        (settings(suffix=None), "kham.vn", "/h/cho-ray/hospital/"),
        (settings(), None, "https://cho-ray.vien.example/hospital/"),
        (settings(), "kham.vn", "https://kham.vn/hospital/"),
        (settings(base_url="http://vien.example:8000"), None, "http://cho-ray.vien.example:8000/hospital/"),
    ],
)
def test_a_portal_is_where_the_installation_puts_it(given: Any, domain: str | None, url: str) -> None:
    assert portal_url(given, "cho-ray", "hospital", domain) == url
