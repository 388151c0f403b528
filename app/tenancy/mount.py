"""Deciding from the address alone which hospital a request is about, before anything else looks at it.

A hospital's own host names it; otherwise the path prefix `/h/<code>` does and is moved from PATH_INFO to SCRIPT_NAME,
so that every route and every `url_for` is the same in both forms. Two sources that disagree are a 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.config import HOSPITAL_CODE

PREFIX = re.compile(r"/h/([^/]*)(/.*)?", re.DOTALL)
DOMAIN = re.compile(r"[a-z0-9.-]{1,253}")
ENVIRON_KEY = "vien.address"


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says about the hospital: its code, or a domain to look up, or that it contradicts itself.

    `by_default` where it says nothing, and the installation's only hospital is meant.
    """

    code: str | None = None
    domain: str | None = None
    contradicts: bool = False
    by_default: bool = False


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
        found = PREFIX.fullmatch(environ.get("PATH_INFO", ""))
        if found is None:
            return from_host or Address(code=self._default, by_default=self._default is not None)
        code, rest = found.group(1), found.group(2) or "/"
        if from_host is not None and from_host != Address(code=code):
            return Address(contradicts=True)
        if not HOSPITAL_CODE.fullmatch(code):
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
        code = name.removesuffix(self._suffix)
        if name.endswith(self._suffix):
            return Address(code=code) if HOSPITAL_CODE.fullmatch(code) else Address(contradicts=True)
        return Address(domain=name) if DOMAIN.fullmatch(name) else Address(contradicts=True)
