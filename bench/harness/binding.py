"""What finding and binding a hospital adds to a request: an empty view with TenantMount and the hooks, and without."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from flask import Flask

from app.tenancy.binding import tenancy
from app.tenancy.mount import TenantMount
from app.web.binding import init_binding
from bench.harness.load import alternate

ROUNDS, REQUESTS = 40, 400


def binding_costs(app: Flask, code: str) -> tuple[float, float]:
    """Return the microseconds that binding adds, and those of the same request without it; medians."""
    plain, bound = _empty_app(app), _empty_app(app)
    init_binding(bound)
    _know(app, code)
    mounted = TenantMount(bound.wsgi_app, platform_host="127.0.0.1")
    rounds = alternate(
        ROUNDS,
        lambda: _microseconds(plain.wsgi_app, _environ("/hospital/ping")),
        lambda: _microseconds(mounted, _environ(f"/h/{code}/hospital/ping")),
    )
    without, with_binding = zip(*rounds, strict=True)
    return median(with_binding) - median(without), median(without)


def _know(app: Flask, code: str) -> None:
    """Let the registry know the hospital and trust that: what is measured is a process that has served it before."""
    with app.app_context():
        registry = tenancy().registry
        registry._trusted_seconds = 3600
        registry.forget()
        registry.get_by_code(code)


def _empty_app(app: Flask) -> Flask:
    empty = Flask("app", static_folder=None)
    empty.extensions["tenancy"] = app.extensions["tenancy"]
    empty.add_url_rule("/hospital/ping", endpoint="ping", view_func=lambda: "")
    return empty


def _microseconds(application: Callable[..., Any], environ: dict[str, Any]) -> float:
    begun = time.perf_counter()
    for _ in range(REQUESTS):
        answer = application(dict(environ), _start)
        for _piece in answer:
            pass
        answer.close()
    return (time.perf_counter() - begun) / REQUESTS * 1_000_000


def _start(status: str, _headers: list[tuple[str, str]], _fault: object = None) -> Callable[[bytes], object]:
    assert status.startswith("200"), status
    return lambda _piece: None


def _environ(path: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000", "HTTP_HOST": "127.0.0.1:8000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
