"""A process that holds streams, and a reader of streams as a browser's EventSource is one."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from app.cli.run import streams
from app.core.embedded.ports import find_free

ROOT = Path(__file__).parents[2]


@dataclass
class StreamProcess:
    """A running process of the type `app.streams`."""

    port: int
    process: subprocess.Popen[bytes]

    def health(self) -> dict[str, Any] | None:
        """Return what its probe says, or None."""
        try:
            with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
                return dict(json.loads(answer.read()))
        except OSError:
            return None

    def kill(self) -> None:
        """Kill it with the process that it keeps running, as a machine that fails does."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)


@contextmanager
def stream_process(environment: dict[str, str], port: int | None = None, **changes: str) -> Iterator[StreamProcess]:
    """Run such a process with the settings of a platform."""
    port = port or find_free()
    values = {**os.environ, **environment, "LOG_LEVEL": "ERROR", "STREAMS_BIND": f"127.0.0.1:{port}", **changes}
    values.pop("DATABASE_ADMIN_URL", None)
    process = subprocess.Popen(streams(), env=values, cwd=ROOT)
    running = StreamProcess(port, process)
    try:
        until(lambda: process.poll() is not None or running.health(), "the process that holds streams answers", 60)
        assert process.poll() is None, "the process that holds streams did not start; the lines above say why"
        yield running
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Event:
    """One event of a stream."""

    kind: str
    id: str
    data: dict[str, Any]
    at: float = field(default_factory=time.perf_counter)


class Reader(threading.Thread):
    """Reads one stream until it ends."""

    def __init__(self, port: int, path: str, cookie: str = "", after: str | None = None) -> None:
        super().__init__(daemon=True)
        self.events: list[Event] = []
        self.beats = 0
        self.ended = threading.Event()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Accept": "text/event-stream", "Cookie": cookie} | ({"Last-Event-ID": after} if after else {})
        self._connection.request("GET", path, headers=headers)
        self._socket = self._connection.sock
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        if self.status == 200:
            self.start()
        else:
            self.answer.read()
            self.close()

    def run(self) -> None:
        """Read lines into events."""
        kind, id_, data = "message", "", ""
        try:
            for raw in self.answer:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    id_ = value
                elif name == "data":
                    data = value
                elif not name and not value and data:
                    self.events.append(Event(kind, id_, json.loads(data)))
                    kind, data = "message", ""
                elif not name:
                    self.beats += 1
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # whoever held the stream is gone
        finally:
            self.ended.set()

    def kinds(self) -> list[str]:
        """Return the kinds of all events, in order."""
        return [event.kind for event in self.events]

    def heard(self, topic: str) -> list[Event]:
        """Return the changes of a topic."""
        return [event for event in self.events if event.data.get("topic") == topic]

    def close(self) -> None:
        """Hang up, as a browser whose page is left."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self.is_alive():
            self.join(5)
        self.answer.close()
        self._connection.close()
        self._socket.close()


def cookies_of(browser: Any, address: str) -> str:
    """Return the cookies that a browser of the tests would send to an address."""
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    found = browser._cookies.values()
    return "; ".join(f"{c.key}={c.value}" for c in found if parts.path.startswith(c.path))


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return the first true answer of a condition; fail when it does not come in time."""
    limit = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < limit, f"waited {seconds} s in vain until {what}"
        time.sleep(0.02)
    return answer
