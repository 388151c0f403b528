"""The address alone says which hospital is meant; where it says two things, none is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import HOSPITAL_CODE
from app.tenancy.mount import ENVIRON_KEY, Address, TenantMount

NOWHERE = Address(contradicts=True)


def read(path: str = "/", host: str = "vien.example", **settings: Any) -> tuple[Address, str, str]:
    """Return what the mount makes of an address, and the SCRIPT_NAME and PATH_INFO it leaves."""
    environ: dict[str, Any] = {"PATH_INFO": path, "SCRIPT_NAME": "", "HTTP_HOST": host}
    TenantMount(lambda _environ, _start: [], platform_host="vien.example", **settings)(environ, lambda: None)
    return environ[ENVIRON_KEY], environ["SCRIPT_NAME"], environ["PATH_INFO"]


def test_the_prefix_names_the_hospital_and_moves_out_of_the_path() -> None:
    assert read("/h/alpha/hospital/today") == (Address(code="alpha"), "/h/alpha", "/hospital/today")


@pytest.mark.parametrize("path", ["/h/alpha", "/h/alpha/"])
def test_a_bare_prefix_is_the_hospitals_doorstep(path: str) -> None:
    assert read(path) == (Address(code="alpha"), "/h/alpha", "/")


@pytest.mark.parametrize("path", ["/", "/admin/", "/patient/", "/healthz", "/hospital/h/alpha", "/help", "/h"])
def test_without_a_prefix_no_hospital_is_meant(path: str) -> None:
    assert read(path) == (Address(), "", path)


@pytest.mark.parametrize(
    "code",
    ["", "A", "a", "ab", "Alpha", "ALPHA", ".", "..", "%2e%2e", "alpha\n", "alpha\x00", "-alpha", "alpha-", "1alpha",
     "al pha", "al.pha", "al_pha", "bệnh", "ＡＬＰＨＡ", "a" * 41, "alpha;x", "alpha?x", "alpha\\"],
)  # fmt: skip
def test_what_cannot_be_a_code_is_nowhere(code: str) -> None:
    path = f"/h/{code}/hospital/today"
    assert read(path) == (NOWHERE, "", path)


def test_a_prefix_inside_a_prefix_is_left_as_a_path_that_leads_nowhere() -> None:
    assert read("/h/alpha/h/beta/hospital/") == (Address(code="alpha"), "/h/alpha", "/h/beta/hospital/")


@given(st.text())
def test_whatever_is_asked_for_the_code_is_proper_or_absent(rest: str) -> None:
    address, script, path = read(f"/h/{rest}")
    assert address.code is None or HOSPITAL_CODE.fullmatch(address.code)
    assert script + path in (f"/h/{rest}", f"/h/{rest}/")


HOSTS = {"host_suffix": "hospitals.example"}


def test_a_hospitals_own_host_names_it_and_the_path_stays() -> None:
    assert read("/hospital/today", "alpha.hospitals.example:8443", **HOSTS) == (
        Address(code="alpha"), "", "/hospital/today",
    )  # fmt: skip


def test_the_letters_of_a_host_may_be_large() -> None:
    assert read("/", "ALPHA.Hospitals.Example", **HOSTS)[0] == Address(code="alpha")


def test_a_foreign_host_is_a_domain_to_look_up() -> None:
    assert read("/", "kham.cho-ray.vn", **HOSTS)[0] == Address(domain="kham.cho-ray.vn")


def test_the_platforms_own_host_names_no_hospital_and_takes_prefixes() -> None:
    assert read("/admin/", **HOSTS)[0] == Address()
    assert read("/h/alpha/hospital/", **HOSTS)[0] == Address(code="alpha")


def test_host_and_path_may_agree() -> None:
    assert read("/h/alpha/hospital/", "alpha.hospitals.example", **HOSTS)[1:] == ("/h/alpha", "/hospital/")


@pytest.mark.parametrize("host", ["beta.hospitals.example", "kham.cho-ray.vn"])
def test_host_and_path_that_disagree_are_nowhere(host: str) -> None:
    assert read("/h/alpha/hospital/", host, **HOSTS) == (NOWHERE, "", "/h/alpha/hospital/")


@pytest.mark.parametrize(
    "host",
    ["", "x.y.hospitals.example", "a.hospitals.example", ".hospitals.example", "evil.example\x00", "a b", "x" * 300,
     "bệnh.vn", "alpha_.hospitals.example"],
)  # fmt: skip
def test_a_host_that_cannot_be_is_nowhere(host: str) -> None:
    assert read("/", host, **HOSTS)[0] == NOWHERE


def test_without_host_mode_the_host_says_nothing() -> None:
    assert read("/", "alpha.hospitals.example")[0] == Address()


def test_a_single_hospital_needs_neither_prefix_nor_host() -> None:
    assert read("/hospital/today", default_code="alpha")[0] == Address(code="alpha", by_default=True)
    assert read("/h/beta/hospital/today", default_code="alpha")[0] == Address(code="beta")


def test_a_mount_under_a_server_prefix_keeps_that_prefix() -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/h/alpha/patient/", "SCRIPT_NAME": "/vien"}
    TenantMount(lambda _environ, _start: [], platform_host="")(environ, lambda: None)
    assert environ["SCRIPT_NAME"] == "/vien/h/alpha"
