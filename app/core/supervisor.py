"""Runs named child processes together: prefixes their lines, restarts what dies, stops all of them, in order.

What the children are, and the services below them, is left to whoever calls; the system's own supervisor
(systemd, Kubernetes) does this work in production.
"""

import http.client
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO
from urllib.parse import urlsplit

from app.core import child_process

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TICK = 0.05
WATCH_EVERY = 1.0
DEATHS_BEFORE_GIVING_UP = 5
DEATHS_WITHIN = 60.0
LONGEST_BACK_OFF = 15.0


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep running; `env` is its whole environment (None: ours)."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    stop_seconds: float = 10.0


@dataclass(slots=True)
class _Run:
    """A child's present process and its recent deaths."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    reader: threading.Thread | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_BEFORE_GIVING_UP))
    start_at: float = 0.0

    def too_many_deaths(self) -> bool:
        return len(self.deaths) == DEATHS_BEFORE_GIVING_UP and self.deaths[-1] - self.deaths[0] < DEATHS_WITHIN


class GaveUpError(Exception):
    """A child that will not stay up, or a page that never answered; the text says which."""


class Supervisor:
    """Keeps children running until a signal says stop; they are stopped in the order they were given in."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        health_url: str | None = None,
        ready_seconds: float = 60.0,
        back_off: float = 0.5,
        watch: Callable[[], object] | None = None,
        output: TextIO | None = None,
    ) -> None:
        """Take the children, the page that answers 200 when all is ready, and what to call every second."""
        self._runs = [_Run(child) for child in children]
        self._health_url = health_url
        self._ready_seconds = ready_seconds
        self._back_off = back_off
        self._watch = watch
        self._output = output or sys.stdout
        self._printing = threading.Lock()
        self._width = max([len(child.name) for child in children] + [len("vien")])
        self._signals_taken = 0

    def run(self, on_ready: Callable[[], None] | None = None) -> int:
        """Run until SIGINT, SIGTERM or SIGHUP (0) or a child that will not stay up (1). Main thread only."""
        before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        try:
            return self._run(on_ready)
        finally:
            self._stop_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self, on_ready: Callable[[], None] | None) -> int:
        ready = False
        ready_limit = time.monotonic() + self._ready_seconds
        next_watch = time.monotonic() + WATCH_EVERY
        try:
            while not self._signals_taken:
                self._tend()
                if not ready and self._is_healthy():
                    ready = True
                    if on_ready is not None:
                        on_ready()
                if not ready and time.monotonic() > ready_limit:
                    raise GaveUpError(f"{self._health_url} did not answer within {self._ready_seconds:.0f} seconds")
                if self._watch is not None and time.monotonic() > next_watch:
                    self._watch()
                    next_watch = time.monotonic() + WATCH_EVERY
                time.sleep(TICK)
        except GaveUpError as reason:
            self._say(f"{reason}. Stopping everything; the lines above say more.")
            return 1
        return 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals_taken += 1

    def _tend(self) -> None:
        """Start what is due and note what has died."""
        for run in self._runs:
            if self._signals_taken:
                return
            if run.process is not None and run.process.poll() is not None:
                self._note_death(run, run.process)
            if run.process is None and time.monotonic() >= run.start_at:
                self._start(run)

    def _start(self, run: _Run) -> None:
        run.process = child_process.start(
            run.child.argv, env=run.child.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        run.reader = threading.Thread(target=self._relay, args=(run.child.name, run.process), daemon=True)
        run.reader.start()

    def _note_death(self, run: _Run, process: subprocess.Popen[bytes]) -> None:
        child_process.kill_session(process.pid)
        if run.reader is not None:
            run.reader.join(1)
        run.process = None
        run.deaths.append(time.monotonic())
        how = _ending(process.returncode)
        if run.too_many_deaths():
            raise GaveUpError(f"{run.child.name} died {DEATHS_BEFORE_GIVING_UP} times within a minute, at last {how}")
        recent = sum(1 for death in run.deaths if time.monotonic() - death < DEATHS_WITHIN)
        pause = min(self._back_off * 2 ** (recent - 1), LONGEST_BACK_OFF)
        run.start_at = time.monotonic() + pause
        self._say(f"{run.child.name} died {how}; starting it again in {pause:.1f} s")

    def _is_healthy(self) -> bool:
        return self._health_url is None or answers(self._health_url)

    def _stop_all(self) -> None:
        """Stop child after child, each within its time; a second signal takes the time away."""
        for run in self._runs:
            if run.process is None:
                continue
            limit = time.monotonic() + run.child.stop_seconds
            run.process.terminate()
            while run.process.poll() is None and time.monotonic() < limit and self._signals_taken < 2:
                time.sleep(TICK)
            if run.process.poll() is None:
                self._say(f"{run.child.name} did not stop when asked and is ended by force")
            child_process.stop(run.process)
            if run.reader is not None:
                run.reader.join(1)
            run.process = None

    def _relay(self, name: str, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            with process.stdout as lines:
                for line in lines:
                    self._print(name, line.decode(errors="replace").rstrip("\r\n"))

    def _say(self, text: str) -> None:
        self._print("vien", text)

    def _print(self, name: str, text: str) -> None:
        with self._printing:
            try:
                print(f"{name:<{self._width}} | {text}", file=self._output, flush=True)
            except (OSError, ValueError):
                return  # the terminal is gone; the children's lines must be taken all the same


def answers(url: str) -> bool:
    """Say whether a page of our own answers 200, past any proxy that the environment names."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port or 80, timeout=1)
    try:
        connection.request("GET", address.path or "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a block as Ctrl-C does, so that its `finally` clauses run."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"with exit code {code}"
    return f"by {signal.Signals(-code).name}"
