"""The relay: a process that carries events out of the hospitals as soon as they are committed.

It hears a bell in Redis and, because a bell may be missed, looks into every hospital every few seconds. Threads carry,
one hospital at a time each; a hospital that does not answer holds one of them for a connect timeout. Several relays may
run: what they do is guarded by locks and cursors in PostgreSQL. Without any, workers do the same by the schedule.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError

from app.config import Settings
from app.core.bell import Ear, RedisAway
from app.core.db import db
from app.core.logging import bind_log, clear_log, get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.centre.relaying import has_work, relay_events
from app.tenancy.binding import bind_hospital
from app.tenancy.errors import HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital
from app.tenancy.models import Hospital, HospitalStatus

log = get_logger(__name__)

NOT_SERVED = (HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital)
HEARS_FOR = 2.0
LOOKS_A_SECOND = 20  # with more than a hundred hospitals a round of looks takes longer
RESTS_AFTER_FAILURE = 5.0
STOPS_WITHIN = 20.0


class Relay:
    """The threads of one process; `ask` is what the bell and the looks do."""

    def __init__(self, app: Flask, visit: Callable[[str, bool], None], threads: int) -> None:
        self._app = app
        self._visit = visit
        self._asked: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: dict[str, bool] = {}  # by hospital: was it rung for, or only to be looked at
        self._at_work: set[str] = set()
        self._resting: dict[str, float] = {}
        self._threads = [threading.Thread(target=self._work, name=f"relay-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let what is under way end."""
        for _ in self._threads:
            self._asked.put(None)
        limit = time.monotonic() + STOPS_WITHIN
        for thread in self._threads:
            thread.join(max(0.0, limit - time.monotonic()))

    def ask(self, code: str, *, rung: bool) -> None:
        """Have a hospital visited soon. Asked while it is visited, it is visited once more."""
        with self._lock:
            if not rung and (code in self._at_work or self._resting.get(code, 0.0) > time.monotonic()):
                return
            first = code not in self._waiting
            self._waiting[code] = rung or self._waiting.get(code, False)
            if first and code not in self._at_work:
                self._asked.put(code)

    def _work(self) -> None:
        while (code := self._asked.get()) is not None:
            with self._lock:
                rung = self._waiting.pop(code, False)
                self._at_work.add(code)
            try:
                self._visit_safely(code, rung)
            finally:
                with self._lock:
                    self._at_work.discard(code)
                    if code in self._waiting:
                        self._asked.put(code)

    def _visit_safely(self, code: str, rung: bool) -> None:
        clear_log()
        bind_log(hospital=code)
        try:
            with self._app.app_context():
                self._visit(code, rung)
        except NOT_SERVED as error:
            log.info("hospital not visited: it is not served", reason=type(error).__name__)
        except DBAPIError as error:
            log.warning("a database is away; the events wait", error=type(error.orig).__name__)
            self._rest(code)
        except Exception:
            log.exception("events not carried")
            self._rest(code)

    def _rest(self, code: str) -> None:
        """Leave a hospital alone for a while unless it rings: what is away is not asked all the time."""
        with self._lock:
            self._resting[code] = time.monotonic() + RESTS_AFTER_FAILURE


def visit(code: str, rung: bool) -> None:
    """Carry what waits in a hospital; one that did not ring is asked first."""
    if not rung:
        with bind_hospital(code):
            waits = has_work()
        if not waits:
            return
    relay_events(code)


def run_relay() -> None:
    """Carry events until SIGTERM or SIGINT, which let the present visits end."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    settings: Settings = app.extensions["settings"]
    relay = Relay(app, visit, settings.relay_threads)
    relay.start()
    hearing = threading.Thread(target=_hear, args=(app, relay, stopped), name="relay-bell", daemon=True)
    hearing.start()
    log.info("relay at work", threads=settings.relay_threads)
    try:
        _look(app, relay, settings.relay_looks_seconds, stopped)
    finally:
        stopped.set()
        hearing.join(HEARS_FOR + 1)
        relay.stop()
    log.info("relay stops")


def _hear(app: Flask, relay: Relay, stopped: threading.Event) -> None:
    """Ask for whom the bell rings; while Redis is away the looks find everything."""
    ear, away = Ear(app.extensions["settings"].redis_url, HEARS_FOR), False
    while not stopped.is_set():
        try:
            code = ear.listen()
        except RedisAway as error:
            if not away:
                log.warning("bell not heard; hospitals are looked into", error=str(error))
            away = True
            stopped.wait(1.0)
            continue
        if away:
            log.info("bell heard again")
        away = False
        if code is not None:
            relay.ask(code, rung=True)
    ear.close()


def _look(app: Flask, relay: Relay, every: float, stopped: threading.Event) -> None:
    """Have every hospital looked into, again and again, a few at a time."""
    codes: list[str] = []
    while not stopped.is_set():
        began = time.monotonic()
        with app.app_context():
            codes = list_served() or codes  # those known last, while the central database is away
        for code in codes:
            relay.ask(code, rung=False)
            if stopped.wait(1 / LOOKS_A_SECOND):
                return
        stopped.wait(max(0.5, every - (time.monotonic() - began)))


def list_served() -> list[str]:
    """Return the hospitals that serve; none where the central database does not answer."""
    try:
        with unit_of_work() as session:
            return list(session.scalars(sa.select(Hospital.code).where(Hospital.status == HospitalStatus.ACTIVE)))
    except DBAPIError as error:
        log.warning("the centre does not answer", error=type(error.orig).__name__)
        return []
    finally:
        db.session.remove()
