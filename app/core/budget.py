"""How many connections this process may have open, and who may have them: one budget over all its databases.

A database has a share of it. Where the budget is spent, an idle connection of the share that was used the longest ago
is closed for whoever needs one; where none is idle, one waits, and the share with the fewest in use is served first.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

SURPLUS_SECONDS = 10.0
GOODBYE_SECONDS = 1.0


class Share:
    """One database's part: at most so many connections, of which so many are kept while they are idle.

    What is `reserved` is never given to others. Idle connections of a `protected` share are closed for others last.
    """

    __slots__ = ("at_most", "idle", "kept", "open", "protected", "reserved", "retired")

    def __init__(self, at_most: int, *, kept: int, reserved: int = 0) -> None:
        self.at_most = at_most
        self.kept = kept
        self.reserved = reserved
        self.open = 0
        self.idle: deque[tuple[ConnectionPoolEntry, float]] = deque()
        self.protected = False
        self.retired = False

    @property
    def in_use(self) -> int:
        return self.open - len(self.idle)


@dataclass(slots=True)
class Grant:
    """What a share was given: an idle connection, or the right to open one after closing another's."""

    record: ConnectionPoolEntry | None = None
    idle_since: float = 0.0
    closing: ConnectionPoolEntry | None = None


@dataclass(frozen=True, slots=True)
class BudgetStatistics:
    """The state of the budget now, and what has happened since the process began."""

    limit: int
    open: int
    in_use: int
    idle: int
    waiting: int
    opened: int
    evictions: int
    waits: int
    timeouts: int
    waited_seconds: float


@dataclass(slots=True)
class _Waiter:
    share: Share
    served: threading.Event
    grant: Grant | None = None


class ConnectionBudget:
    """The connections of a process. Everything under one lock that is held for about a microsecond."""

    def __init__(self, limit: int, *, timeout: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.timeout = timeout
        self._monotonic = monotonic
        # Not a plain lock: a forgotten connection comes back while garbage is collected, wherever that happens.
        self._lock = threading.RLock()
        self._claimed = 0  # what is open, or reserved where that is more, over all shares
        self._open = 0
        self._idle: OrderedDict[Share, None] = OrderedDict()  # shares with idle connections, the longest unused first
        self._idle_count = 0
        self._waiting: list[_Waiter] = []
        self._opened = self._evictions = self._waits = self._timeouts = 0
        self._waited_seconds = 0.0

    def share(self, at_most: int, *, kept: int, reserved: int = 0) -> Share:
        """Return a new part of the budget; what it reserves is kept free for it from now on."""
        with self._lock:
            self._claimed += reserved
        return Share(at_most, kept=kept, reserved=reserved)

    def take(self, share: Share) -> Grant:
        """Return an idle connection of a share or the right to open one; raises PoolTimeout after waiting for it."""
        with self._lock:
            grant = self._grant(share)
            if grant is not None:
                return grant
            waiter = _Waiter(share, threading.Event())
            self._waiting.append(waiter)
            self._waits += 1
        return self._wait(waiter)

    def put(self, share: Share, record: ConnectionPoolEntry) -> None:
        """Take a connection back: to keep it, or to close it where it is broken or its share is retired."""
        closing = record if record.dbapi_connection is None else self._keep(share, record)
        if closing is not None:
            close_wholly(closing)
            self.abandon(share)

    def abandon(self, share: Share) -> None:
        """Give up a connection that could not be opened, or is closed."""
        with self._lock:
            self._resize(share, -1)
            self._serve()

    def retire(self, share: Share) -> None:
        """Close the idle connections of a share, and from now on each that comes back to it."""
        with self._lock:
            share.retired = True
        self.close_idle(share)

    def close_idle(self, share: Share) -> None:
        """Close the idle connections of a share."""
        while True:
            with self._lock:
                if not share.idle:
                    return
                record = self._pop_oldest(share)
            close_wholly(record)
            self.abandon(share)

    def statistics(self) -> BudgetStatistics:
        """Return what metrics show."""
        with self._lock:
            return BudgetStatistics(
                limit=self.limit,
                open=self._open,
                in_use=self._open - self._idle_count,
                idle=self._idle_count,
                waiting=len(self._waiting),
                opened=self._opened,
                evictions=self._evictions,
                waits=self._waits,
                timeouts=self._timeouts,
                waited_seconds=self._waited_seconds,
            )

    def _keep(self, share: Share, record: ConnectionPoolEntry) -> ConnectionPoolEntry | None:
        """Keep a connection, and return one that is to be closed: this one, or one that was idle for too long."""
        with self._lock:
            if share.retired:
                return record
            now, surplus = self._monotonic(), None
            share.idle.append((record, now))
            self._idle_count += 1
            self._idle[share] = None
            self._idle.move_to_end(share)
            if len(share.idle) > share.kept and now - share.idle[0][1] > SURPLUS_SECONDS:
                surplus = self._pop_oldest(share)
            if self._waiting:
                self._serve()
            return surplus

    def _grant(self, share: Share) -> Grant | None:
        if share.idle:
            record, since = share.idle.pop()  # the newest: those below it grow old, and are closed as surplus
            self._idle_count -= 1
            if not share.idle:
                self._idle.pop(share, None)
            return Grant(record, since)
        if share.open >= share.at_most:
            return None
        closing = None
        if not self._fits(share):
            other = self._find_spare(share)
            if other is None:
                return None
            closing = self._pop_oldest(other)
            self._resize(other, -1)
            self._evictions += 1
        self._resize(share, +1)
        self._opened += 1
        return Grant(closing=closing)

    def _fits(self, share: Share) -> bool:
        growth = max(share.open + 1, share.reserved) - max(share.open, share.reserved)
        return self._claimed + growth <= self.limit

    def _find_spare(self, share: Share) -> Share | None:
        """Return the share whose idle connection is missed the least: unprotected first, then the longest unused."""
        spare = None
        for other in self._idle:
            if other is share or other.open <= other.reserved:
                continue
            if not other.protected:
                return other
            spare = spare or other
        return spare

    def _pop_oldest(self, share: Share) -> ConnectionPoolEntry:
        record, _ = share.idle.popleft()
        self._idle_count -= 1
        if not share.idle:
            self._idle.pop(share, None)
        return record

    def _resize(self, share: Share, by: int) -> None:
        before = max(share.open, share.reserved)
        share.open += by
        self._open += by
        self._claimed += max(share.open, share.reserved) - before

    def _serve(self) -> None:
        """Give waiters what is free now: to the share with the fewest in use first, then to who waits longest."""
        served = bool(self._waiting)
        while served:
            served = False
            for waiter in sorted(self._waiting, key=lambda one: one.share.in_use):
                grant = self._grant(waiter.share)
                if grant is not None:
                    self._waiting.remove(waiter)
                    waiter.grant = grant
                    waiter.served.set()
                    served = True
                    break

    def _wait(self, waiter: _Waiter) -> Grant:
        began = self._monotonic()
        try:
            waiter.served.wait(self.timeout)
        except BaseException:  # a job's time is over, the process is to end
            self._withdraw(waiter)
            raise
        with self._lock:
            self._waited_seconds += self._monotonic() - began
            if waiter.grant is not None:
                return waiter.grant
            self._waiting.remove(waiter)
            self._timeouts += 1
        raise PoolTimeout(f"no connection became free within {self.timeout:g} s: {self.statistics()}")

    def _withdraw(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter.grant is None:
                self._waiting.remove(waiter)
                return
        grant = waiter.grant
        if grant.record is not None:
            self.put(waiter.share, grant.record)
            return
        if grant.closing is not None:
            close_wholly(grant.closing)
        self.abandon(waiter.share)


def close_wholly(record: ConnectionPoolEntry) -> None:
    """Close a connection and see the server let go of it, so that the next one does not come on top of it."""
    connection: Any = record.dbapi_connection
    line = None
    with suppress(OSError, psycopg.Error, AttributeError):
        line = socket.socket(fileno=os.dup(connection.fileno()))
    record.close()
    if line is None:
        return
    with line, suppress(OSError):
        line.settimeout(GOODBYE_SECONDS)
        while line.recv(4096):
            pass
