"""Security headers, and limits to how often the same address may try: as each hospital's gateway says."""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Flask, current_app, g, request
from flask_limiter import ApplicationLimit, Limiter
from flask_limiter.errors import RateLimitExceeded
from flask_talisman import Talisman
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.config import Settings
from app.core.crypto import BlindIndex
from app.core.keys import shared_name
from app.tenancy.binding import find_bound_hospital
from app.tenancy.gateway.rules import HSTS_SECONDS, SIGN_INS_PER_ADDRESS, Gateway
from app.web.gateway import counted_address, present_gateway
from app.web.live import live_origin
from app.web.principals import find_principal

ANSWER_SECONDS = 1

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
    return shared_name(hospital.code if hospital else None, portal, "limit", counted_address())


def account_key() -> str:
    """Return the name under which tries for one sign-in name are counted, whether or not it exists."""
    hospital = find_bound_hospital()
    name = (request.form.get("username") or request.form.get("identifier") or "")[:100].strip().lower()
    blind_index: BlindIndex = current_app.extensions["blind_index"]
    digest = blind_index.of("sign-in", name).hex()  # patients sign in with their CCCD, which Redis is not to know
    return shared_name(hospital.code if hospital else None, g.get("portal") or "public", "account", digest)


def person_key() -> str:
    """Return the name under which a person's requests are counted, whatever address they come from."""
    hospital, principal = find_bound_hospital(), find_principal()
    return shared_name(
        hospital.code if hospital else None, g.get("portal") or "public", "person", principal.id if principal else "-"
    )


def requests_per_address() -> str:
    """Return the limit of requests from one address; nothing where none is set, which costs nothing."""
    gateway = present_gateway()
    return f"{gateway.requests_per_address}/minute" if gateway and gateway.requests_per_address else ""


def requests_per_person() -> str:
    """Return the limit of one person's requests; nothing where none is set, or nobody is signed in."""
    gateway = present_gateway()
    if gateway is None or not gateway.requests_per_person or find_principal() is None:
        return ""
    return f"{gateway.requests_per_person}/minute"


def sign_ins_per_address() -> str:
    """Return the limit of tries to sign in from one address."""
    gateway = present_gateway()
    return f"{gateway.sign_ins_per_address if gateway else SIGN_INS_PER_ADDRESS}/minute"


limiter = Limiter(
    key_func=client_key,
    headers_enabled=False,
    application_limits=[
        ApplicationLimit(requests_per_address, scope="requests"),
        ApplicationLimit(requests_per_person, key_function=person_key, scope="requests"),
    ],
)


def seconds_to_wait(error: RateLimitExceeded) -> int:
    """Return after how many seconds the limit that was hit lets somebody try again."""
    whole = int(error.limit.limit.get_expiry()) if error.limit else 60
    found = limiter.current_limit
    try:
        left = found.reset_at - time.time() if found else whole
    except Exception:  # the storage that counted is away; the whole time is safe to say
        left = whole
    return max(1, min(whole, math.ceil(left)))


class Headers(Talisman):  # type: ignore[misc]
    """Talisman with what the request's gateway adds; nothing can be added to where scripts come from."""

    def _get_local_options(self) -> dict[str, Any]:
        found: dict[str, Any] | None = g.get("header_options")
        if found is None:
            found = g.header_options = self._options_for(present_gateway())
        return found

    def _options_for(self, gateway: Gateway | None) -> dict[str, Any]:
        options = {
            "force_https": self.force_https,
            "frame_options": self.frame_options,
            "frame_options_allow_from": None,
            "content_security_policy": self.content_security_policy,
            "content_security_policy_nonce_in": self.content_security_policy_nonce_in,
            "permissions_policy": self.permissions_policy,
            "document_policy": self.document_policy,
            "feature_policy": self.feature_policy,
        }
        policy = dict(self.content_security_policy)
        if streams := live_origin():
            policy["connect-src"] = f"{policy['connect-src']} {streams}"
            options["content_security_policy"] = policy
        if gateway is None or not (gateway.frame_ancestors or gateway.connect_sources or gateway.image_sources):
            return options
        if gateway.frame_ancestors:
            policy["frame-ancestors"] = " ".join(gateway.frame_ancestors)
            options["frame_options"] = None  # which knows no list, and would refuse them
        policy["connect-src"] = " ".join((policy["connect-src"], *gateway.connect_sources))
        policy["img-src"] = " ".join((policy["img-src"], *gateway.image_sources))
        return {**options, "content_security_policy": policy}

    def _set_hsts_headers(self, headers: Any) -> None:
        gateway = present_gateway()
        seconds = gateway.hsts_seconds if gateway else HSTS_SECONDS
        if self.strict_transport_security and request.is_secure:
            headers["Strict-Transport-Security"] = f"max-age={seconds}; includeSubDomains"


def init_security(app: Flask, settings: Settings) -> None:
    """Set headers on every response and count tries in Redis, or strictly in the process while Redis is away."""
    hosts = f"'self' *.{settings.hospital_host_suffix}" if settings.hospital_host_suffix else "'self'"
    Headers(
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
            "socket_timeout": ANSWER_SECONDS,
            "retry": Retry(NoBackoff(), 0),  # by itself redis-py tries ten times, and a reader waits
        },
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_SWALLOW_ERRORS=True,
        RATELIMIT_STRATEGY="moving-window",
    )
    limiter.init_app(app)
