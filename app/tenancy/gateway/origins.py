"""The origins that a hospital may name: exact ones, so that no list opens more than what stands in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.core.errors import InvalidValue
from app.core.i18n import _l

MOST = 20
_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(rf"(https?)://({_NAME}(?:\.{_NAME})*)(?::([0-9]{{1,5}}))?\Z")


def parse_origins(text: str, *, field: str, plain_http: bool = False) -> tuple[str, ...]:
    """Return the origins of a list, one a line; raises InvalidValue for anything that is not exactly an origin.

    A star, a path, a user, `null`, a name without https: none of them is one. `plain_http` also takes http, for
    development.
    """
    found = tuple(dict.fromkeys(_parse(line, field, plain_http) for line in text.split() if line))
    if len(found) > MOST:
        raise InvalidValue(_l("Name at most %(most)s addresses.", most=MOST), field=field)
    return found


def write_origins(origins: Iterable[str]) -> str:
    """Return origins as somebody reads and corrects them."""
    return "\n".join(origins)


def _parse(text: str, field: str, plain_http: bool) -> str:
    match = _ORIGIN.match(text.strip().rstrip("/").lower())
    if match is None or len(text) > 253 or int(match.group(3) or 1) not in range(1, 65_536):
        raise InvalidValue(
            _l("“%(text)s” is not an address such as https://www.hospital.vn: no star, no path.", text=text[:100]),
            field=field,
        )
    scheme, host, port = match.groups()
    if scheme == "http" and not plain_http:
        raise InvalidValue(_l("“%(text)s” must begin with https://.", text=text[:100]), field=field)
    usual = {"https": "443", "http": "80"}[scheme]
    return f"{scheme}://{host}" + (f":{int(port)}" if port and port.lstrip("0") != usual else "")
