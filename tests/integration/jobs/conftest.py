"""A Redis of the test's own, which it may kill, and the real worker and scheduler as processes over it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core import child_process
from app.core.db import db
from app.core.embedded import Services, start_services
from app.core.queue import init_queue
from app.tenancy.binding import tenancy
from tests.support.platform import Platform

ROOT = Path(__file__).resolve().parents[3]
Start = Callable[..., "Process"]


class QueueServer:
    """A real Valkey that dies when told."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def url(self) -> str:
        return self._services.redis_url

    def kill(self) -> None:
        """Kill the server at once, as a crash would."""
        process = self._services.valkey.process  # type: ignore[union-attr]
        assert process is not None
        process.kill()
        process.wait()

    def revive(self) -> None:
        """Start it again at its old address."""
        before = self.url
        self._services.revive()
        assert self.url == before, "the port was taken meanwhile"


class Process:
    """A worker or scheduler of the test's own."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self._log = log

    @property
    def pid(self) -> int:
        return self._popen.pid

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def waits_for(self, words: str, seconds: float = 60) -> None:
        assert until(lambda: words in self.log(), seconds), f"never said {words!r}:\n{self.log()}"

    def stop(self) -> int:
        """End it gracefully and return its exit code."""
        self._popen.terminate()
        return self._popen.wait(60)

    def kill(self) -> None:
        """Kill it with everything it has forked."""
        child_process.kill_session(self._popen.pid)
        self._popen.wait(60)


def until(condition: Callable[[], Any], seconds: float = 60) -> bool:
    """Wait for a condition, and say whether it came true in time."""
    return child_process.wait_until(condition, seconds, every=0.05)


@contextmanager
def away(platform: Platform, database: str) -> Iterator[None]:
    """Let a database refuse everybody for a while, and end the connections that are there."""
    with platform.cluster.connect() as connection:
        connection.execute(f'ALTER DATABASE "{database}" WITH CONNECTION LIMIT 0')
        hang_up(platform, database)
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{database}" WITH CONNECTION LIMIT -1')
            with platform.app.app_context():  # what the pools hold is dead; the next test is not about that
                tenancy().engines.dispose()
                db.engine.dispose()


def hang_up(platform: Platform, database: str) -> None:
    """End the connections to a database, as a restart of PostgreSQL would."""
    with platform.cluster.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))


@pytest.fixture
def queue_server(app: Flask, platform: Platform, tmp_path: Path) -> Iterator[QueueServer]:
    """The queue of this test alone; the application under test uses it."""
    with start_services(tmp_path / "queue", fast=True, with_postgres=False) as services:
        init_queue(app, services.redis_url)
        try:
            yield QueueServer(services)
        finally:
            init_queue(app, platform.redis_url)


@pytest.fixture
def start(platform: Platform, queue_server: QueueServer, tmp_path: Path) -> Iterator[Start]:
    """`start("worker", MAIL_URL=…)`: a process as in production; whatever happens, none outlives the test."""
    running: list[Process] = []

    def start_one(*command: str, **environment: str) -> Process:
        settings = platform.environment() | {"REDIS_URL": queue_server.url}
        log = tmp_path / f"{command[0]}-{len(running)}.log"
        with log.open("wb") as output:
            popen = child_process.start(
                [sys.executable, "-m", "flask", "--app", "wsgi", *command],
                env=os.environ | settings | environment,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        running.append(Process(popen, log))
        return running[-1]

    yield start_one
    for process in running:
        process.kill()


@pytest.fixture
def drain(app: Flask) -> Callable[[], int]:
    """Perform in this process, bound and verified as a worker does, whatever waits in the queues; return how many."""
    from app.core.queue import QUEUES, queue_named
    from app.jobs.worker import perform

    def perform_all() -> int:
        performed = 0
        with app.app_context():
            while jobs := [job for name in QUEUES for job in queue_named(name).jobs]:
                for job in jobs:
                    job.delete()
                    perform(*job.args)
                    performed += 1
        return performed

    return perform_all
