"""Hearing of changes in the register of hospitals: a thread that listens to the central database.

Triggers there announce every change (`vien_registry`). A process that hears it trusts nothing it remembers any more.
What is missed, while disconnected or behind a pooler that cannot LISTEN, ends with the time for which the registry
trusts an answer.
"""

from __future__ import annotations

import os
import threading
import time

import psycopg
from flask import Flask

from app.config import Settings
from app.core.logging import get_logger
from app.tenancy.binding import Tenancy
from app.tenancy.registry import Registry

log = get_logger(__name__)

CHANNEL = "vien_registry"
PROBE_SECONDS = 30.0
LONGEST_PAUSE = 30.0


class Listener(threading.Thread):
    """Forgets what the registry remembers whenever a change is announced, and whenever it may have missed one."""

    def __init__(self, dsn: str, registry: Registry) -> None:
        super().__init__(name="registry announcements", daemon=True)
        self.pid = os.getpid()
        self.listening = threading.Event()
        self._dsn = dsn.replace("postgresql+psycopg://", "postgresql://", 1)
        self._registry = registry
        self._stopped = threading.Event()

    def run(self) -> None:
        """Listen for ever; connect again, more and more patiently, when the connection is lost."""
        pause = 1.0
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._listen()
            except psycopg.Error as error:
                if time.monotonic() - began > LONGEST_PAUSE:
                    pause = 1.0
                log.warning("announcements away", error=type(error).__name__, seconds=pause)
                self._stopped.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            finally:
                self.listening.clear()

    def stop(self) -> None:
        """End the thread at its next look."""
        self._stopped.set()

    def _listen(self) -> None:
        with psycopg.connect(
            self._dsn, autocommit=True, connect_timeout=5, application_name="vien-listen"
        ) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._registry.forget()  # what was announced before we listened, nobody told us
            self.listening.set()
            while not self._stopped.is_set():
                for _notice in connection.notifies(timeout=PROBE_SECONDS, stop_after=1):
                    self._registry.forget()
                connection.execute("SELECT 1")  # a connection that died in silence fails here


def init_announcements(app: Flask) -> None:
    """Have each web process listen from its first request on; tests ask for a Listener themselves."""
    starting = threading.Lock()
    running: list[Listener] = []

    @app.before_request
    def listen_once() -> None:
        if app.testing or (running and running[-1].pid == os.getpid()):
            return
        with starting:
            if not running or running[-1].pid != os.getpid():  # a fork takes no thread along
                running.append(start_listening(app))


def start_listening(app: Flask) -> Listener:
    """Start the listening thread of this process."""
    tenancy: Tenancy = app.extensions["tenancy"]
    settings: Settings = app.extensions["settings"]
    listener = Listener(settings.database_listen_url or settings.database_url, tenancy.registry)
    listener.start()
    return listener
