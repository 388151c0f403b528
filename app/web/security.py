"""Security headers, and limits to how often the same address may try."""

from __future__ import annotations

from flask import Flask, current_app, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_talisman import Talisman
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.config import Settings
from app.core.crypto import BlindIndex
from app.core.keys import shared_name
from app.tenancy.binding import find_bound_hospital

CONTENT_SECURITY_POLICY = {
    "default-src": "'self'",
    "base-uri": "'none'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
}


def client_key() -> str:
    """Return the name under which an address's tries are counted: apart per hospital and portal."""
    hospital = find_bound_hospital()
    portal = g.get("portal") or "public"
    return shared_name(hospital.code if hospital else None, portal, "limit", get_remote_address())


def account_key() -> str:
    """Return the name under which tries for one sign-in name are counted, whether or not it exists."""
    hospital = find_bound_hospital()
    name = (request.form.get("username") or request.form.get("identifier") or "")[:100].strip().lower()
    blind_index: BlindIndex = current_app.extensions["blind_index"]
    digest = blind_index.of("sign-in", name).hex()  # patients sign in with their CCCD, which Redis is not to know
    return shared_name(hospital.code if hospital else None, g.get("portal") or "public", "account", digest)


limiter = Limiter(key_func=client_key, headers_enabled=False)


def init_security(app: Flask, settings: Settings) -> None:
    """Set headers on every response and count tries in Redis, or strictly in the process while Redis is away."""
    hosts = f"'self' *.{settings.hospital_host_suffix}" if settings.hospital_host_suffix else "'self'"
    Talisman(
        app,
        force_https=False,  # the proxy in front redirects; behind it requests are plain
        strict_transport_security=settings.secure_cookies,
        session_cookie_secure=settings.secure_cookies,
        content_security_policy={**CONTENT_SECURITY_POLICY, "form-action": hosts},
        content_security_policy_nonce_in=["script-src", "style-src"],
        frame_options="DENY",
        referrer_policy="same-origin",
        permissions_policy={"geolocation": "()", "microphone": "()", "camera": "(self)"},
    )
    app.config.update(
        RATELIMIT_STORAGE_URI=settings.redis_url,
        RATELIMIT_STORAGE_OPTIONS={
            "socket_connect_timeout": 0.5,
            "socket_timeout": 1,
            "retry": Retry(NoBackoff(), 0),  # by itself redis-py tries ten times, and a reader waits
        },
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_SWALLOW_ERRORS=True,
        RATELIMIT_STRATEGY="moving-window",
    )
    limiter.init_app(app)
