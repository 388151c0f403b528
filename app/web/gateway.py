"""The gateway of every request: who comes in from where, how much may be sent, and which origins may read answers.

What counts is `app.tenancy.gateway`'s; here it is applied. Health probes and `/metrics` are asked by machines of the
installation and pass by; files under `/static/` are the same for everybody and never reach this.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from typing import cast

from flask import Flask, Response, current_app, g, make_response, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import RequestEntityTooLarge

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.errors import VienError
from app.core.i18n import _l
from app.core.keys import shared_name
from app.core.logging import get_logger
from app.core.noticeboard import Noticeboard, NoticeboardAway
from app.domain.security.events import record_security_event
from app.tenancy.binding import find_bound_hospital
from app.tenancy.gateway.addresses import Verdict, parse_address
from app.tenancy.gateway.rules import Gateway
from app.tenancy.gateway.store import enter_gateway, gateway_store, init_gateway_store
from app.tenancy.security_events import record_platform_security_event
from app.web.binding import request_id
from app.web.uploads import largest_for

log = get_logger(__name__)

PASSED_BY = ("health.", "metrics.")
CORS_HEADERS = "Accept-Language, Authorization, Content-Type, X-Request-ID"
CORS_EXPOSED = "Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = "600"
QUIET_SECONDS = 60
MOST_NOTED = 60  # a minute, a portal and a process: whoever has many addresses does not fill the log

_noted: dict[str, float] = {}


class Refused(VienError):
    """An address that an access rule keeps out. The page says no more than that."""

    status = 403
    title = _l("Access from your network is not allowed")
    default_message = _l("This portal cannot be used from where you are.")
    remedy = _l("If you should have access, give the request number to whoever administers the portal.")


def init_gateway(app: Flask) -> None:
    """Ask the gateway directly after a request is bound to its hospital, and let it add its headers."""
    init_gateway_store(app)
    app.before_request(pass_gateway)
    app.after_request(_tell_origins)


def present_gateway() -> Gateway | None:
    """Return what this request is held against, or None where nothing was asked."""
    found: Gateway | None = g.get("gateway")
    return found


def pass_gateway() -> Response | None:
    """Let a request in, or raise Refused or RequestEntityTooLarge; a browser's question of CORS is answered here."""
    endpoint = request.endpoint
    if endpoint is None or endpoint.startswith(PASSED_BY):
        return None
    hospital, portal = find_bound_hospital(), g.get("portal")
    gateway = gateway_store().get(hospital, portal)
    g.gateway = gateway
    g.undo.append(enter_gateway(hospital, gateway))
    if gateway.levels:
        _refuse_address(gateway)
    request.max_content_length = max(gateway.largest_request, largest_for(endpoint))
    request.max_form_memory_size = gateway.largest_request
    if (request.content_length or 0) > request.max_content_length:
        raise RequestEntityTooLarge
    return _answer_preflight(gateway) if gateway.cors and request.method == "OPTIONS" else None


def counted_address() -> str:
    """Return under which name an address is counted: of IPv6 the network, because everybody has a whole one."""
    address = parse_address(request.remote_addr)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
    return str(address or "unknown")


def note_refused(why: str, verdict: Verdict | None = None, *, kind: str = "gateway.refused") -> None:
    """Write that an address was refused: once a minute for each, whichever process refuses it."""
    try:
        if not _is_first():
            return
        details = {"why": why}
        if verdict is not None and verdict.level is not None:
            details |= {"level": verdict.level, **({"rule": verdict.rule.id} if verdict.rule else {})}
        actor = Actor(ActorKind.SYSTEM, None, "anonymous", address=request.remote_addr, request_id=request_id())
        record = record_security_event if find_bound_hospital() else record_platform_security_event
        record(actor, kind, portal=g.get("portal"), details=details, lasting=True)
    except DBAPIError as error:  # the refusal stands without its note
        log.error("refusal not noted", error=type(error).__name__)


def _refuse_address(gateway: Gateway) -> None:
    verdict = gateway.judge(parse_address(request.remote_addr), clock.now().timestamp())
    if verdict.admitted:
        return
    g.asking_who = True  # whose browser it is does not matter: the page is nobody's, and asks no database
    note_refused("address", verdict)
    raise Refused


def _is_first() -> bool:
    hospital = find_bound_hospital()
    where = shared_name(hospital.code if hospital else None, g.get("portal") or "public", "refused")
    now = time.monotonic()
    if len(_noted) > 100 * MOST_NOTED:
        _noted.clear()
    digest = hashlib.sha256(counted_address().encode()).hexdigest()[:32]
    name = f"{where}:{digest}"
    if now - _noted.get(name, float("-inf")) < QUIET_SECONDS:
        return False
    lately = sum(1 for other, at in _noted.items() if other.startswith(where) and now - at < QUIET_SECONDS)
    if lately >= MOST_NOTED:
        return False
    _noted[name] = now
    board: Noticeboard = current_app.extensions["noticeboard"]
    try:
        return board.put_first(name, b"1", QUIET_SECONDS)
    except NoticeboardAway:
        return True


def _answer_preflight(gateway: Gateway) -> Response | None:
    asked = request.headers.get("Access-Control-Request-Method")
    if asked is None or request.headers.get("Origin") not in gateway.cors:
        return None
    adapter = current_app.create_url_adapter(request)
    methods = set(adapter.allowed_methods()) if adapter else set()
    response = make_response("", 204)
    response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(methods - {"OPTIONS"}))
    response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
    response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    return response


def _tell_origins(response: Response) -> Response:
    """Tell a browser whether the page that asked may read the answer; never with a star."""
    gateway = present_gateway()
    if gateway is None or not gateway.cors:
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin in gateway.cors:
        response.headers["Access-Control-Allow-Origin"] = cast(str, origin)
        response.headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
        if gateway.cors[cast(str, origin)]:
            response.headers["Access-Control-Allow-Credentials"] = "true"
    return response
