"""A server under gunicorn, and clients that ask it for one page again and again.

The clients are threads of this process over plain sockets that stay open: about a tenth of a millisecond of work each
request, so that what is measured is the server.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 16


class Step(NamedTuple):
    """One request, and the status that its answer must have."""

    request: bytes
    status: bytes = b"200"


class ServerFailed(RuntimeError):
    """The server did not start, or answered something else than a page."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of which server."""

    port: int
    path: str
    cookie: str = ""

    @property
    def request(self) -> bytes:
        cookie = f"Cookie: {self.cookie}\r\n" if self.cookie else ""
        return f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{cookie}\r\n".encode()

    def next(self) -> tuple[Step, ...]:
        """Return what a client does once: it asks for the page."""
        return (Step(self.request),)


class Work(Protocol):
    """What clients do again and again at a server."""

    @property
    def port(self) -> int: ...

    def next(self) -> tuple[Step, ...]: ...


@dataclass(frozen=True, slots=True)
class Load:
    """How often it was done, how often a second, and within which time of 95 in a hundred."""

    done: int
    rate: float
    p95_ms: float


@contextmanager
def serving(application: str, environment: dict[str, str], *, threads: int = CLIENTS) -> Iterator[int]:
    """Serve an application by one gunicorn process with threads; give its port."""
    port = _free_port()
    command = [
        sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread",
        "--workers", "1", "--threads", str(threads), "--keep-alive", "75", "--no-control-socket",
        "--log-level", "warning", "--pythonpath", str(ROOT),
    ]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ | environment, cwd=ROOT)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def fetch(target: Target, statuses: tuple[bytes, ...] = (b"200",)) -> bytes:
    """Return the page; raises ServerFailed where it is none, or has another status than these."""
    with _connect(target.port) as connection:
        return _ask(connection, target.request, *statuses)


def throughput(target: Work, seconds: float, *, clients: int = CLIENTS) -> float:
    """Return how many pages a second the server gives so many clients at once."""
    return load(target, seconds, clients=clients).rate


def load(work: Work, seconds: float, *, clients: int = CLIENTS) -> Load:
    """Have so many clients do their work for a while; raises ServerFailed where an answer is not what it should be."""
    run = _Run(work, time.monotonic() + seconds)
    started = time.monotonic()
    threads = [threading.Thread(target=run.client, name=f"client {number}") for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if run.faults:
        raise ServerFailed(run.faults[0])
    taken = sorted(run.taken)
    return Load(len(taken), len(taken) / (time.monotonic() - started), 1000 * taken[int(0.95 * len(taken))])


def alternate(rounds: int, *measure: Callable[[], float]) -> Iterator[tuple[float, ...]]:
    """Measure one after the other, in a new order each round, so that noise falls on all of them alike."""
    for number in range(rounds):
        order = list(range(len(measure)))[:: 1 if number % 2 else -1]
        found = {which: measure[which]() for which in order}
        yield tuple(found[which] for which in range(len(measure)))


@dataclass(slots=True)
class _Run:
    work: Work
    until: float
    taken: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def client(self) -> None:
        try:
            with _connect(self.work.port) as connection:
                while time.monotonic() < self.until and not self.faults:
                    began = time.perf_counter()
                    for step in self.work.next():
                        _ask(connection, step.request, step.status)
                    self.taken.append(time.perf_counter() - began)
        except (OSError, ServerFailed) as fault:
            self.faults.append(str(fault))


def _ask(connection: socket.socket, request: bytes, *statuses: bytes) -> bytes:
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    if head.split(b" ", 2)[1] not in (statuses or (b"200",)):
        raise ServerFailed(head.split(b"\r\n", 1)[0].decode())
    length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    pieces, missing = [body], length - len(body)
    while missing > 0:
        pieces.append(_receive(connection))
        missing -= len(pieces[-1])
    return b"".join(pieces)


def _receive(connection: socket.socket) -> bytes:
    piece = connection.recv(1 << 18)
    if not piece:
        raise ServerFailed("the server closed the connection")
    return piece


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"gunicorn ended with {process.returncode}")
        try:
            _connect(port).close()
            return
        except OSError:
            time.sleep(0.05)
    raise ServerFailed("gunicorn does not answer")
