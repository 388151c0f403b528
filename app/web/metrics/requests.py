"""Counting requests and connections, in every web process for itself.

Under gunicorn `PROMETHEUS_MULTIPROC_DIR` is set (gunicorn.conf.py): all processes write into one folder, and whichever
is asked answers for all. Elsewhere a process answers for itself.
"""

from __future__ import annotations

import threading
import time
from dataclasses import fields

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.core.budget import BudgetStatistics
from app.tenancy.binding import find_bound_hospital, tenancy
from app.web.sessions import portal_of

OWN = CollectorRegistry()
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MOST_HOSPITALS = 1_000
OTHER = "other"
LOOK_SECONDS = 1.0

REQUESTS = Counter("vien_http_requests", "Requests answered.", ("portal", "route", "method", "status"), registry=OWN)
SECONDS = Histogram(
    "vien_http_request_duration_seconds",
    "How long requests took.",
    ("portal", "route", "method"),
    buckets=BUCKETS,
    registry=OWN,
)
BY_HOSPITAL = Counter(
    "vien_hospital_requests", "Requests answered for a hospital.", ("hospital", "portal", "status"), registry=OWN
)
CONNECTIONS = Gauge(
    "vien_database_connections",
    "Database connections of the web processes by state; `limit` is what they may open.",
    ("state",),
    multiprocess_mode="livesum",
    registry=OWN,
)
CONNECTION_EVENTS = Counter(
    "vien_database_connection_events", "What happened to database connections.", ("event",), registry=OWN
)
ENGINES = Gauge("vien_engines", "Hospitals whose connections are kept.", multiprocess_mode="livesum", registry=OWN)
ENGINE_EVENTS = Counter("vien_engine_events", "Engines made and evicted.", ("event",), registry=OWN)

STATES = ("limit", "open", "in_use", "idle", "waiting")
EVENTS = tuple(entry.name for entry in fields(BudgetStatistics) if entry.name not in STATES)


class _Looked:
    """What this process has told of its connections so far, so that counters only get what came since."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.again = 0.0
        self.told: dict[str, float] = {}


def init_measuring(app: Flask) -> None:
    """Count every request of an application; registered first, so that the time of all other hooks is in it."""
    looked = _Looked()
    app.extensions["looked_at_connections"] = looked

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        _count(response)
        if time.monotonic() >= looked.again:
            look_at_connections(looked)
        return response


def look_at_connections(looked: _Looked) -> None:
    """Write down the connections and engines of this process."""
    looked.again = time.monotonic() + LOOK_SECONDS
    with looked.lock:
        statistics = tenancy().engines.statistics()
        budget = statistics.connections
        for state in STATES:
            CONNECTIONS.labels(state).set(getattr(budget, state))
        for event in EVENTS:
            _add(looked, CONNECTION_EVENTS, event, getattr(budget, event))
        ENGINES.set(statistics.engines)
        _add(looked, ENGINE_EVENTS, "made", statistics.engines_made)
        _add(looked, ENGINE_EVENTS, "evicted", statistics.engines_evicted)


def _count(response: Response) -> None:
    began = g.pop("began", None)
    portal = portal_of(request) or OTHER
    route = request.url_rule.rule if request.url_rule is not None else "-"
    method = request.method if request.method in METHODS else OTHER
    status = f"{response.status_code // 100}xx"
    REQUESTS.labels(portal, route, method, status).inc()
    if began is not None:
        SECONDS.labels(portal, route, method).observe(time.perf_counter() - began)
    hospital = find_bound_hospital()
    if hospital is not None:
        BY_HOSPITAL.labels(_bounded(hospital.code), portal, status).inc()


_codes: set[str] = set()


def _bounded(code: str) -> str:
    """Keep the number of series finite, however many hospitals there are."""
    if code not in _codes:
        if len(_codes) >= MOST_HOSPITALS:
            return OTHER
        _codes.add(code)
    return code


def _add(looked: _Looked, counter: Counter, event: str, total: float) -> None:
    key = f"{counter._name} {event}"
    counter.labels(event).inc(max(0.0, total - looked.told.get(key, 0.0)))
    looked.told[key] = total
