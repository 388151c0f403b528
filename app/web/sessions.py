"""Browser sessions: one cookie per portal and hospital, so that no session is ever valid for another.

The cookie carries only a signed reference; whether it still counts is a row in the database of whoever it belongs to.
"""

from __future__ import annotations

from flask import Flask, Request, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from app.config import Settings
from app.tenancy.mount import ENVIRON_KEY, Address

PORTALS = ("admin", "hospital", "patient")


def portal_of(incoming: Request) -> str | None:
    """Return the portal that a path belongs to, or None."""
    first = incoming.path.lstrip("/").split("/", 1)[0]
    return first if first in PORTALS else None


def address_of(incoming: Request) -> Address:
    """Return what TenantMount read from the address."""
    address: Address = incoming.environ.get(ENVIRON_KEY, Address())
    return address


class PortalSessions(SecureCookieSessionInterface):
    """Signed cookies named after portal and hospital, limited to the hospital's path."""

    def __init__(self, settings: Settings) -> None:
        self._host_mode = settings.hospital_host_suffix is not None and settings.secure_cookies

    def get_cookie_name(self, app: Flask) -> str:
        """Return `vien-<portal>` with the hospital's code where the address names one."""
        address = address_of(request)
        words = ["vien", portal_of(request) or "public", *([address.code] if address.code else [])]
        return ("__Host-" if self._host_mode else "") + "-".join(words)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Sign for one cookie's name, so that a value copied under another name is no session at all."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            words = (self.salt, self.get_cookie_name(app), address_of(request).domain or "")
            serializer.salt = "\x00".join(words).encode()
        return serializer

    def get_cookie_path(self, app: Flask) -> str:
        """Return the hospital's prefix; `__Host-` cookies must say `/`."""
        return "/" if self._host_mode else (request.script_root or "/")


def init_sessions(app: Flask, settings: Settings) -> None:
    """Use portal sessions in an application."""
    app.session_interface = PortalSessions(settings)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
    )
