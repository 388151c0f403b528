"""What open pages cost: a thousand streams in one process, their memory, how soon they hear, and pages meanwhile.

One process of the type `app.streams` holds them all; a hundred of them hear each change, the others are idle. The time
is taken from before a change is published to when the line was read from each socket. Pages are those of the worklist,
asked for by a few browsers of a web process of its own, turn and turn about with the process of the streams stopped.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from app.cli.run import streams
from app.core.embedded.ports import find_free
from app.core.live import publish
from app.core.supervisor import answers
from bench.harness.load import Target, alternate, fetch, serving, throughput
from bench.harness.platform import BenchPlatform
from bench.harness.results import Result, say
from bench.harness.signing_in import sign_in

ROOT = Path(__file__).resolve().parents[2]
CODE = "live"
WANTED, HEARING = 1000, 100
CHANGES, EVERY = 100, 0.05
BROWSERS, ROUNDS, SECONDS = 4, 9, 1.0
MOST_KB, MOST_MS, PAGES_TARGET = 100.0, 250.0, 0.8


@dataclass(slots=True)
class Pages:
    """Open pages: their sockets, and when each line about a change was read."""

    waiting: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    sockets: list[socket.socket] = field(default_factory=list)
    read_at: dict[str, list[float]] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def open(self, target: Target) -> None:
        """Open one more, and wait until its stream has begun."""
        page = socket.create_connection(("127.0.0.1", target.port), timeout=20)
        page.sendall(target.request)
        begun = b""
        while b"event: open" not in begun:
            begun += page.recv(4096)
            if begun and not begun.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"no stream: {begun[:200]!r}")
        page.setblocking(False)
        self.sockets.append(page)
        self.waiting.register(page, selectors.EVENT_READ)

    def read(self) -> None:
        """Read from all of them until stopped."""
        while not self.stopped.is_set():
            for key, _mask in self.waiting.select(0.2):
                data = key.fileobj.recv(4096)  # type: ignore[union-attr]
                now = time.perf_counter()
                for part in data.split(b'"key": "')[1:]:
                    self.read_at.setdefault(part.split(b'"', 1)[0].decode(), []).append(now)

    def close(self) -> None:
        """Hang up everywhere."""
        self.stopped.set()
        for page in self.sockets:
            page.close()


def measure(platform: BenchPlatform) -> Iterable[Result]:
    """Give how many are held, what one costs, how soon they hear, and the pages a second beside them."""
    platform.create_hospital(CODE)
    _let_many_files_be_open()
    cookie = sign_in(platform, CODE, f"/h/{CODE}/hospital/today")
    environment = platform.environment | {
        "STREAM_LIMIT": str(WANTED),
        "STREAMS_PER_PERSON": str(WANTED),
        "POOL_SIZE": "8",
    }
    with serving("wsgi:app", environment) as web, _streaming(environment) as (port, process):
        page = Target(web, f"/h/{CODE}/hospital/today", cookie)
        fetch(page)
        throughput(page, 1.0)  # warm caches and pools
        pages, before = Pages(), _memory_kb(process)
        say(f"Opening {WANTED} streams")
        for number in range(WANTED):
            topics = "queue" if number < HEARING else "notices"
            pages.open(Target(port, f"/h/{CODE}/hospital/live?poll=1&topics={topics}", cookie))
            before = before if number else _memory_kb(process)  # the first opens databases, too
        each = (_memory_kb(process) - before) / (WANTED - 1)
        say(f"{before / 1024:.0f} MB with one stream")
        reading = threading.Thread(target=pages.read, daemon=True)
        reading.start()
        milliseconds = _hear(platform, pages)
        say(f"The worklist page, {ROUNDS} rounds with the streams held and with their process stopped")
        beside, alone = _pages_a_second(page, process)
        held = len(pages.sockets)
        pages.close()
        reading.join(5)
    yield Result("streams", held, "in one process", WANTED, 1.0)
    yield Result("stream_kb", each, "KB each", MOST_KB, 1.0, at_most=True)
    yield Result("stream_p95", milliseconds, "ms", MOST_MS, 1.0, at_most=True)
    yield Result("pages_beside", beside, "pages/s", alone, PAGES_TARGET)


def _hear(platform: BenchPlatform, pages: Pages) -> float:
    """Publish changes and return the 95th percentile, over pages and changes, of the time until they are read."""
    told: dict[str, float] = {}
    with platform.app.app_context():
        for number in range(CHANGES):
            told[str(number)] = time.perf_counter()
            publish("queue", hospital=CODE, key=number)
            time.sleep(EVERY)
    time.sleep(2)
    lost = [key for key in told if len(pages.read_at.get(key, ())) != HEARING]
    if lost:
        raise SystemExit(f"{len(lost)} of {CHANGES} changes did not reach {HEARING} pages")
    times = [(at - told[key]) * 1000 for key in told for at in pages.read_at[key]]
    say(f"median {median(times):.1f} ms, longest {max(times):.1f} ms")
    return quantiles(times, n=20)[-1]


def _pages_a_second(target: Target, process: int) -> tuple[float, float]:
    """Return the pages a second beside the streams and without, from the round with the median ratio."""

    def without() -> float:
        os.kill(process, signal.SIGSTOP)
        try:
            return throughput(target, SECONDS, clients=BROWSERS)
        finally:
            os.kill(process, signal.SIGCONT)

    rounds = list(alternate(ROUNDS, lambda: throughput(target, SECONDS, clients=BROWSERS), without))
    beside, alone = sorted(rounds, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
    return beside, alone


@contextmanager
def _streaming(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Run a process that holds streams; give its port and the id of the process that does the work."""
    port = find_free()
    process = subprocess.Popen(
        streams(), env=os.environ | environment | {"STREAMS_BIND": f"127.0.0.1:{port}"}, cwd=ROOT
    )
    try:
        until = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}/healthz"):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the process that holds streams did not start")
            time.sleep(0.1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield port, int(children[0])
    finally:
        process.terminate()
        process.wait(timeout=30)


def _memory_kb(process: int) -> float:
    """Return what a process holds for itself alone."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return float(line.split()[1])
    raise SystemExit("this system does not say what a process holds")


def _let_many_files_be_open() -> None:
    wanted, (_soft, hard) = WANTED * 2 + 500, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
