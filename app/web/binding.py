"""The one request hook that binds a request to its hospital, for all blueprints, and its undoing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, g, request

from app.core.access_mode import set_read_only
from app.core.ids import new_id
from app.core.logging import bind_log, clear_log
from app.tenancy.binding import enter_hospital, find_bound_hospital, tenancy
from app.tenancy.errors import HospitalSuspended, UnknownHospital
from app.tenancy.registry import HospitalEntry
from app.web.sessions import address_of, portal_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def at_front_door(view: Any) -> Any:
    """Mark a patient view that also works where no hospital is chosen yet."""
    view.works_without_hospital = True
    return view


def init_binding(app: Flask) -> None:
    """Bind every request before anything else looks at it, and unbind it whatever happens."""
    app.before_request(bind_request)
    app.after_request(_name_request)
    app.teardown_request(_unbind)


def bind_request() -> None:
    """Choose the request's mode and hospital; raises UnknownHospital, HospitalSuspended and the like."""
    g.undo = [set_read_only(request.method in SAFE_METHODS)]
    clear_log()
    g.request_id = _request_id()
    g.portal = portal_of(request)
    bind_log(request_id=g.request_id, portal=g.portal)
    if request.endpoint is None or request.endpoint.startswith(("health.", "metrics.")):
        return
    hospital = _find_hospital()
    if hospital is not None:
        if g.portal == "admin":
            raise UnknownHospital  # operators' pages live beside the hospitals, not inside one
        try:
            undo, _ = enter_hospital(hospital)
        except HospitalSuspended:
            g.closed_hospital = hospital  # the page that says so speaks its language
            raise
        g.undo.append(undo)
    elif g.portal in ("hospital", "patient") and not _works_without_hospital():
        raise UnknownHospital


def request_id() -> str:
    """Return the id under which this request stands in the logs."""
    return str(g.get("request_id", "-"))


def _find_hospital() -> HospitalEntry | None:
    address = address_of(request)
    if address.contradicts:
        raise UnknownHospital
    if address.by_default and g.portal == "admin":
        return None  # an installation for one hospital has its operators too
    if address.code is not None:
        return tenancy().registry.get_by_code(address.code)
    if address.domain is not None:
        return tenancy().registry.get_by_domain(address.domain)
    return None


def _works_without_hospital() -> bool:
    view: Callable[..., Any] | None = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "works_without_hospital", False)


def _request_id() -> str:
    given = request.headers.get("X-Request-ID", "")
    return given if REQUEST_ID.fullmatch(given) else str(new_id())


def _name_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = request_id()
    return response


def _unbind(_error: BaseException | None) -> None:
    for undo in reversed(g.pop("undo", [])):
        undo()


def closed_hospital() -> HospitalEntry | None:
    """Return the hospital that this request was about and that is suspended or archived, or None."""
    found: HospitalEntry | None = g.get("closed_hospital")
    return found


def hospital_or_none() -> HospitalEntry | None:
    """Return the bound hospital for templates."""
    return find_bound_hospital()
