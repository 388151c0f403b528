"""`/metrics`: for who holds the token, or, where none is set, for this machine alone."""

from __future__ import annotations

import hmac
import ipaddress
import os

from flask import Blueprint, Response, current_app, request
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app.core.errors import NotFound
from app.core.permissions import public
from app.web.guards import guard
from app.web.metrics.platform import PlatformFigures
from app.web.metrics.requests import OWN, look_at_connections
from app.web.sessions import address_of

metrics = Blueprint("metrics", __name__)
guard(metrics)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)


@metrics.get("/metrics")
@public
def show() -> Response:
    """Write the figures as Prometheus reads them. To who may not ask, there is nothing here."""
    if not _may_ask():
        raise NotFound
    look_at_connections(current_app.extensions["looked_at_connections"])
    text = generate_latest(_processes()) + generate_latest(_platform())
    return Response(text, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def _may_ask() -> bool:
    address = address_of(request)
    if address.contradicts or (address.code is not None and not address.by_default) or address.domain is not None:
        return False  # the platform's figures are at the platform's own address
    token = current_app.extensions["settings"].metrics_token
    if token is not None:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    return _is_from_here()


def _is_from_here() -> bool:
    """Tell whether the request came from this machine itself, and not through a proxy that runs on it."""
    environ = request.environ
    if any(name in environ for name in FORWARDED):
        return False
    peer = environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR") or environ.get("REMOTE_ADDR", "")
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _processes() -> CollectorRegistry:
    if FOLDER not in os.environ:
        return OWN
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _platform() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PlatformFigures())
    return registry
