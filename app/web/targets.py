"""Where a browser may be sent on: only ever a place on this host that it could have asked for itself."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from flask import request

# Browsers read `\` as `/`, and drop tabs and line breaks before they look for a host.
UNSAFE = re.compile(r"[\\\x00-\x20\x7f]")


def local_target(wanted: str | None, inside: str) -> str | None:
    """Return a wanted address when it lies under a path, which ends in a slash; else None."""
    if not wanted or not wanted.startswith(inside) or wanted.startswith("//") or UNSAFE.search(wanted):
        return None
    steps = unquote(urlsplit(wanted).path).split("/")
    return None if ".." in steps or "." in steps else wanted


def page_before() -> str | None:
    """Return the address of the page, on this host, from which the present request was sent."""
    page = request.headers.get("HX-Current-URL") or request.referrer or ""
    return "/" + page.removeprefix(request.host_url) if page.startswith(request.host_url) else None
