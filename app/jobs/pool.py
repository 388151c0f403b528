"""Several workers out of one process: the application is loaded once, and its memory is shared."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from app.core.logging import get_logger

log = get_logger(__name__)

PAUSE = 1.0
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class Pool:
    """Keeps so many processes running that do the same, until SIGTERM or SIGINT, which they are sent."""

    def __init__(self, count: int, run: Callable[[], None]) -> None:
        self._count, self._run = count, run
        self._children: set[int] = set()
        self._stopping = False

    def run(self) -> None:
        """Start them, replace what dies, and wait for all once told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(self._count):
            self._start()
        while self._children:
            pid, status = os.waitpid(-1, 0)
            self._children.discard(pid)
            if not self._stopping:
                log.warning("a worker ended, another one starts", pid=pid, status=status)
                time.sleep(PAUSE)
            if not self._stopping:
                self._start()

    def _start(self) -> None:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            return
        code = 1
        try:
            with suppress(OSError, AttributeError):
                ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
            self._children.clear()
            self._run()
            code = 0
        finally:
            os._exit(code)

    def _stop(self, _number: int, _frame: Any) -> None:
        self._stopping = True
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
