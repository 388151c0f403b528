"""Three hundred hospitals in rotation over two processes: connections as the server counts them, memory, waiting times.

Every request is to another hospital than the one before, which is the worst that can be asked of what is kept per
hospital. Each page is a receptionist's worklist, signed in, with its access-log row.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from argon2 import PasswordHasher

from app.core.db import db
from app.domain.identity import passwords
from app.tenancy.binding import tenancy
from bench.harness.load import ServerFailed, Target, _ask, _connect, serving
from bench.harness.platform import BenchPlatform
from bench.harness.results import Result, say
from bench.harness.signing_in import sign_in

HOSPITALS = (10, 100, 300)
PROCESSES, THREADS, CLIENTS = 2, 8, 16
BUDGET = 40
VISITS_EACH = 8
COUNT = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


@dataclass(slots=True)
class Phase:
    """What was seen while so many hospitals were served."""

    hospitals: int
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    connections: int = 0
    rss_mb: list[float] = field(default_factory=list)
    pss_mb: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        cuts = quantiles(self.seconds, n=100)
        memory = ", ".join(f"{pss:.0f} (RSS {rss:.0f})" for pss, rss in zip(self.pss_mb, self.rss_mb, strict=True))
        return (
            f"{self.hospitals:>4} hospitals: {len(self.seconds):,} pages, {len(self.faults)} errors, at most "
            f"{self.connections} connections, p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, "
            f"MB per process (PSS) {memory}"
        )


def measure_many(platform: BenchPlatform) -> Result:
    """Return the most connections that two processes had open, to their budget; stop where a page failed."""
    say(f"Making {HOSPITALS[-1]} hospitals")
    cookies = [_make(platform, f"many-{number}") for number in range(HOSPITALS[-1])]
    with platform.app.app_context():  # what is counted is the servers'
        tenancy().engines.dispose()
        db.engine.dispose()
    environment = platform.environment | {"CONNECTION_BUDGET": str(BUDGET // PROCESSES)}
    phases = []
    with ExitStack() as stack:
        ports = [stack.enter_context(serving("wsgi:app", environment, threads=THREADS)) for _ in range(PROCESSES)]
        _serve(platform, ports, cookies[: HOSPITALS[0]])  # templates and statements are compiled once in each process
        for count in HOSPITALS:
            phases.append(_serve(platform, ports, cookies[:count]))
            say(str(phases[-1]))
    faults = [fault for phase in phases for fault in phase.faults]
    if faults:
        raise SystemExit(f"{len(faults)} pages failed: {faults[0]}")
    _say_growth(phases)
    return Result(
        "many_hospitals", max(phase.connections for phase in phases), "connections", BUDGET, 1.0, at_most=True
    )


def _make(platform: BenchPlatform, code: str) -> str:
    """Make a hospital with a receptionist who is signed in; return the browser's cookies."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # what is measured is no sign-in
    platform.create_hospital(code)
    number = int(code.rpartition("-")[2])
    return sign_in(platform, code, _path(code), address=f"10.0.{number // 250}.{number % 250 + 1}")  # one browser each


def _path(code: str) -> str:
    return f"/h/{code}/hospital/today"


def _serve(platform: BenchPlatform, ports: list[int], cookies: list[str]) -> Phase:
    phase = Phase(len(cookies))
    targets = [[Target(port, _path(f"many-{n}"), cookie) for n, cookie in enumerate(cookies)] for port in ports]
    visits = max(len(cookies) * VISITS_EACH, 600) // CLIENTS
    clients = [
        threading.Thread(target=_visit, args=(phase, targets[number % PROCESSES], number, visits))
        for number in range(CLIENTS)
    ]
    enough = threading.Event()
    counting = threading.Thread(target=_count, args=(platform, phase, enough))
    counting.start()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    enough.set()
    counting.join()
    for port in ports:
        rss, pss = _memory_of(_worker_at(port))
        phase.rss_mb.append(rss)
        phase.pss_mb.append(pss)
    return phase


def _visit(phase: Phase, targets: list[Target], number: int, visits: int) -> None:
    """Walk around all hospitals, each client from another one on, over one connection that stays open."""
    begin = len(targets) * number // CLIENTS
    way = itertools.islice(itertools.cycle(targets[begin:] + targets[:begin]), visits)
    with _connect(targets[0].port) as connection:
        for target in way:
            began = time.perf_counter()
            try:
                _ask(connection, target.request)
            except (OSError, ServerFailed) as fault:
                phase.faults.append(f"{target.path}: {fault}")
                return
            phase.seconds.append(time.perf_counter() - began)


def _count(platform: BenchPlatform, phase: Phase, enough: threading.Event) -> None:
    with platform.cluster.connect() as connection:
        while not enough.wait(0.005):
            (found,) = connection.execute(COUNT).fetchone() or (0,)
            phase.connections = max(phase.connections, found)


def _worker_at(port: int) -> int:
    """Return the process that serves a port: gunicorn's child, not its arbiter."""
    serving_it = [pid for pid in _processes() if f"127.0.0.1:{port}" in _words(pid)]
    return next(pid for pid in serving_it if _parent(pid) in serving_it)


def worker_cpu_seconds(port: int) -> float:
    """Return how much CPU time the process that serves a port has had so far."""
    ticks = Path(f"/proc/{_worker_at(port)}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _memory_of(pid: int) -> tuple[float, float]:
    """Return resident and proportional megabytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    facts = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines[1:] if line.endswith("kB")}
    return facts["Rss"], facts["Pss"]


def _say_growth(phases: list[Phase]) -> None:
    first, last = phases[0], phases[-1]
    more = last.hospitals - first.hospitals
    for number, (before, after) in enumerate(zip(first.pss_mb, last.pss_mb, strict=True), 1):
        say(f"Process {number}: {(after - before) * 1024 / more:.0f} KiB for each further hospital")
