"""Deciding from the address alone which hospital a request is about, before anything else looks at it.

A hospital's own host names it; otherwise the path prefix `/h/<code>` does and is moved from PATH_INFO to SCRIPT_NAME,
so that every route and every `url_for` is the same in both forms. Two sources that disagree are a 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

PREFIX = re.compile(r"^/h/([^/]*)(/.*)?$")
CODE = re.compile(r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$")
ENVIRON_KEY = "vien.address"


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says about the hospital: its code, or a domain to look up, or that it contradicts itself."""

    code: str | None = None
    domain: str | None = None
    contradicts: bool = False


WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class TenantMount:
    """WSGI middleware that reads the hospital from host and path."""

    def __init__(
        self,
        app: WSGIApp,
        *,
        platform_host: str,
        host_suffix: str | None = None,
        default_code: str | None = None,
    ) -> None:
        self._app = app
        self._platform_host = platform_host.lower()
        self._suffix = f".{host_suffix.lower()}" if host_suffix else None
        self._default = default_code

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[ENVIRON_KEY] = self._read(environ)
        return self._app(environ, start_response)

    def _read(self, environ: dict[str, Any]) -> Address:
        from_host = self._from_host(environ.get("HTTP_HOST", ""))
        found = PREFIX.match(environ.get("PATH_INFO", ""))
        if found is None:
            return from_host or Address(code=self._default)
        code, rest = found.group(1), found.group(2) or "/"
        if from_host is not None and from_host != Address(code=code):
            return Address(contradicts=True)
        if not CODE.match(code):
            return Address(contradicts=True)
        environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}/h/{code}"
        environ["PATH_INFO"] = rest
        return Address(code=code)

    def _from_host(self, host: str) -> Address | None:
        if self._suffix is None:
            return None
        name = host.lower().rsplit(":", 1)[0]
        if name == self._platform_host:
            return None
        if name.endswith(self._suffix) and CODE.match(name.removesuffix(self._suffix)):
            return Address(code=name.removesuffix(self._suffix))
        return Address(domain=name)
