"""How long a hospital's job waits while another hospital floods the queue, to its wait on an idle system.

Two workers. The wait is from asking to the job's first line, in its own process and bound to its hospital. Row
`fairness` compares medians, `fairness_p95` the 95th percentiles. Row `queue_throughput` is what all of it costs: jobs a
second to RQ alone with the same two processes and the same job. On standard error: how long the same job waits with RQ
alone, behind a flood of a hundredth.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from subprocess import DEVNULL

from app.core import child_process
from app.core.queue import Envelope, push, redis_connection
from bench.harness.load import alternate
from bench.harness.platform import BenchPlatform
from bench.harness.queue_worker import JOB, NOTES, bare_queue, note_bare
from bench.harness.results import Result, say

ROOT = Path(__file__).resolve().parents[2]
FLOOD, PROBES, EVERY = 10_000, 60, 0.2
BATCH, ROUNDS, TARGET, THROUGHPUT = 120, 3, 3.0, 0.8
PROCESSES = 2


def measure(platform: BenchPlatform) -> Iterable[Result]:
    """Give the ratios."""
    for code in ("flood", "quiet"):
        platform.create_hospital(code)
    with platform.app.app_context():
        with _workers(platform, "fair"):
            idle = _waits()
            say(f"Flooding with {FLOOD:,} jobs")
            for number in range(FLOOD):
                push(Envelope(JOB, "flood", {"number": -number - 1}))
            flooded = _waits()
            left = FLOOD - sum(1 for number, _ in _notes() if number < 0)
            if left < FLOOD // 10:
                raise SystemExit("the flood was over before the measurement was")
            say(f"{left:,} of the flood still waited at the end")
        redis_connection().flushdb()
        yield Result("fairness", median(flooded) * 1000, "ms", median(idle) * 1000, TARGET, at_most=True)
        yield Result("fairness_p95", _p95(flooded) * 1000, "ms", _p95(idle) * 1000, TARGET, at_most=True)
        yield _throughput(platform)


def _throughput(platform: BenchPlatform) -> Result:
    say(f"{ROUNDS} times {BATCH} jobs, ours and bare RQ in turn")
    with _workers(platform, "fair"), _workers(platform, "bare"):
        for way in (_ours, _bare):
            way(platform)
        rounds = alternate(ROUNDS, lambda: _ours(platform), lambda: _bare(platform))
        ordered = sorted(rounds, key=lambda pair: pair[0] / pair[1])
        ours, bare = ordered[len(ordered) // 2]
        _say_bare_wait(platform)
    return Result("queue_throughput", ours, "jobs/s", bare, THROUGHPUT)


def _ours(_platform: BenchPlatform) -> float:
    """Return jobs a second; two hospitals ask, so that no cap leaves a worker idle."""
    redis_connection().delete(NOTES)
    for number in range(BATCH):
        push(Envelope(JOB, ("flood", "quiet")[number % 2], {"number": number}))
    return _rate()


def _bare(platform: BenchPlatform) -> float:
    redis_connection().delete(NOTES)
    queue = bare_queue(platform.environment["REDIS_URL"])
    for number in range(BATCH):
        queue.enqueue(note_bare, ("flood", "quiet")[number % 2], number, result_ttl=0)
    return _rate()


def _say_bare_wait(platform: BenchPlatform) -> None:
    redis_connection().delete(NOTES)
    queue, flood = bare_queue(platform.environment["REDIS_URL"]), FLOOD // 100
    for number in range(flood):
        queue.enqueue(note_bare, "flood", -number - 1, result_ttl=0)
    asked = time.monotonic()
    queue.enqueue(note_bare, "quiet", 0, result_ttl=0)
    say(f"With RQ alone, a job behind {flood} others waited {_began(0) - asked:.1f} s")


def _rate() -> float:
    """Return how many jobs began a second, from the first to the last."""
    while redis_connection().llen(NOTES) < BATCH:
        time.sleep(0.01)
    times = sorted(at for _, at in _notes())
    return (len(times) - 1) / (times[-1] - times[0])


def _waits() -> list[float]:
    """Ask for a quiet hospital's job again and again; return how long each waited."""
    redis_connection().delete(NOTES)
    waited = []
    for number in range(PROBES):
        asked = time.monotonic()
        push(Envelope(JOB, "quiet", {"number": number}))
        waited.append(_began(number) - asked)
        time.sleep(EVERY)
    return waited


def _began(number: int) -> float:
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        for seen, at in reversed(_notes(-200)):
            if seen == number:
                return at
        time.sleep(0.005)
    raise SystemExit(f"job {number} never began")


def _notes(start: int = 0) -> list[tuple[int, float]]:
    lines = [line.decode().split() for line in redis_connection().lrange(NOTES, start, -1)]
    return [(int(number), float(at)) for number, at in lines]


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[18]


@contextmanager
def _workers(platform: BenchPlatform, way: str) -> Iterator[None]:
    process = child_process.start(
        [sys.executable, "-m", "bench.harness.queue_worker", way, str(PROCESSES)],
        env=os.environ | platform.environment,
        cwd=ROOT,
        stdout=DEVNULL,
    )
    try:
        redis = redis_connection()
        key = b"platform:jobs:workers:hospital" if way == "fair" else b"rq:workers:bench-bare"
        ready = child_process.wait_until(
            lambda: (redis.zcard(key) if way == "fair" else redis.scard(key)) == PROCESSES, 120, every=0.1
        )
        if not ready:
            raise SystemExit("the workers did not start")
        yield
    finally:
        process.terminate()
        process.wait(30)
