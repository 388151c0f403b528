"""Which origins may be named: exact ones with https, whatever is tried."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.tenancy.gateway.origins import MOST, parse_origins, write_origins

EXACT = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?")


def parse(text: str, *, plain_http: bool = False) -> tuple[str, ...]:
    return parse_origins(text, field="cors_origins", plain_http=plain_http)


def test_origins_stand_one_a_line_and_are_written_alike() -> None:
    text = " https://www.Alpha.vn/ \n\nhttps://www.alpha.vn\r\nhttps://b.vn:443 https://c.vn:8443"
    assert parse(text) == ("https://www.alpha.vn", "https://b.vn", "https://c.vn:8443")
    assert parse(write_origins(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "*", "https://*", "https://*.alpha.vn", "null", "alpha.vn", "http://alpha.vn", "ftp://alpha.vn", "https://",
        "https://alpha.vn/path", "https://alpha.vn?x", "https://alpha.vn#x", "https://user@alpha.vn",
        "https://alpha.vn:0", "https://alpha.vn:65536", "https://alpha.vn:https", "https://alpha..vn", "https://-a.vn",
        "https://alpha.vn;script-src", "'unsafe-inline'", "'self'", "data:", "https:", "https://bệnhviện.vn",
        "https://alpha.vn,https://b.vn", "javascript:alert(1)", "https://" + "a" * 300 + ".vn",
    ],
)  # fmt: skip
def test_what_opens_more_than_one_site_is_not_taken(text: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        parse(text)
    assert raised.value.field == "cors_origins"


def test_http_is_for_development() -> None:
    assert parse("http://localhost:3000", plain_http=True) == ("http://localhost:3000",)


def test_a_list_has_an_end() -> None:
    assert len(parse("\n".join(f"https://a{n}.vn" for n in range(MOST)))) == MOST
    with pytest.raises(InvalidValue):
        parse("\n".join(f"https://a{n}.vn" for n in range(MOST + 1)))


@given(st.text(max_size=60) | st.text(alphabet="htps:/.*ab-vn:0 '\";@\n", max_size=40).map("https://a".__add__))
def test_whatever_is_typed_is_an_exact_origin_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except InvalidValue:
        return
    assert all(EXACT.fullmatch(origin) for origin in found)
