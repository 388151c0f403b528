"""The hub of a process that holds event streams: hears what changes, hands it to those whom it concerns.

One connection to Redis for all streams. Who holds a stream is asked for again while it is open. Built on threads of the
standard library; the process type `app.streams` makes them greenlets.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from redis.exceptions import RedisError

from app.core.live import ASK_AGAIN, BEGINNING, EVERYTHING, Change, Heard, channel, place_of, read_heard, read_missed
from app.core.logging import get_logger

log = get_logger(__name__)

BEAT_SECONDS = 15.0
LOOK_SECONDS = 0.5
CHECKS_AT_ONCE = 4
LONGEST_PAUSE = 2.0


class TooManyStreams(Exception):
    """The process, or the person, has as many as it may have."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a stream, as it was proven when it was opened; `ids` are those by which changes concern them alone."""

    hospital: str | None
    portal: str
    account: str
    token: str
    address: str | None
    ids: frozenset[str]


class Stream:
    """What is still to be told to one open page: each change once, however often it happened meanwhile."""

    __slots__ = ("_pending", "_wake", "check_at", "ended", "holder", "topics")

    def __init__(self, holder: Holder, topics: frozenset[str], check_at: float) -> None:
        self.holder = holder
        self.topics = topics
        self.ended: str | None = None
        self.check_at = check_at
        self._pending: dict[Change, str] = {}
        self._wake = threading.Event()

    def wants(self, change: Change) -> bool:
        """Tell whether a change concerns who holds this stream."""
        if change.topic == EVERYTHING:
            return True
        return change.topic in self.topics and (not change.whom or change.whom in self.holder.ids)

    def put(self, id_: str, change: Change) -> None:
        """Have a change told."""
        self._pending.pop(change, None)  # the later place counts: what comes after it must not be lost
        self._pending[change] = id_
        self._wake.set()

    def touch(self) -> None:
        """Have something written, which shows whether the page is still there."""
        self._wake.set()

    def end(self, why: str) -> None:
        """Close the stream when what waits was told."""
        self.ended = self.ended or why
        self._wake.set()

    def take(self, seconds: float) -> list[tuple[str, Change]]:
        """Wait for changes for so long, and return them in order."""
        self._wake.wait(seconds)
        self._wake.clear()
        taken, self._pending = self._pending, {}
        return sorted(((id_, change) for change, id_ in taken.items()), key=lambda entry: place_of(entry[0]))


Check = Callable[[Holder, Iterable[Stream]], None]


class Hub:
    """All streams of this process."""

    def __init__(self, app: Flask, check: Check, *, most: int, most_of_one: int, check_seconds: float = 30) -> None:
        """Take what ends the streams of a holder who may not have them any more, and how many there may be."""
        self._check_seconds = check_seconds
        self._app = app
        self._check = check
        self._most = most
        self._most_of_one = most_of_one
        self._streams: dict[str | None, set[Stream]] = defaultdict(set)
        self._of: Counter[tuple[str | None, str, str]] = Counter()
        self._seen: dict[str | None, str] = {}
        self._lock = threading.Lock()
        self._checking = threading.BoundedSemaphore(CHECKS_AT_ONCE)
        self._stopping = threading.Event()
        self._hears = threading.Event()
        self._started = False

    @property
    def count(self) -> int:
        """Return how many streams are open."""
        return sum(len(streams) for streams in self._streams.values())

    @property
    def hears(self) -> bool:
        """Tell whether Redis is being listened to."""
        return self._hears.is_set()

    def open(self, holder: Holder, topics: frozenset[str]) -> Stream:
        """Open a stream; raises TooManyStreams."""
        self._start()
        whose = (holder.hospital, holder.portal, holder.account)
        with self._lock:
            if self._of[whose] >= self._most_of_one:
                self._touch_those_of(whose)
                raise TooManyStreams
            if self._stopping.is_set() or self.count >= self._most:
                raise TooManyStreams
            stream = Stream(holder, topics, self._next_check())
            self._of[whose] += 1
            self._streams[holder.hospital].add(stream)
        return stream

    def replay(self, stream: Stream, after: str | None) -> str:
        """Put into a stream what happened after a place, and return the place from which it goes on.

        It is open already, so that nothing falls in between; what comes twice is told once.
        """
        try:
            missed = read_missed(stream.holder.hospital, after or BEGINNING)
        except RedisError as error:
            log.warning("nothing replayed", error=type(error).__name__)
            stream.put(after or BEGINNING, Change(EVERYTHING))
            return after or BEGINNING
        if after is not None:
            for id_, change in missed.changes:
                if stream.wants(change):
                    stream.put(id_, change)
            if not missed.is_whole:
                stream.put(missed.last_id, Change(EVERYTHING))
        with self._lock:
            self._seen.setdefault(stream.holder.hospital, missed.last_id)
        return missed.last_id if after is None else after

    def close(self, stream: Stream) -> None:
        """Forget a stream whose page is gone."""
        holder = stream.holder
        whose = (holder.hospital, holder.portal, holder.account)
        with self._lock:
            streams = self._streams.get(holder.hospital, set())
            if stream not in streams:
                return
            streams.discard(stream)
            self._of[whose] -= 1
            if not self._of[whose]:
                del self._of[whose]
            if not streams:
                del self._streams[holder.hospital]
                self._seen.pop(holder.hospital, None)

    def stop(self) -> None:
        """End every stream, so that its page opens another elsewhere, and open no more."""
        self._stopping.set()
        for stream in self._all():
            stream.end("moving")

    def _touch_those_of(self, whose: tuple[str | None, str, str]) -> None:
        """Have the streams of pages that somebody closed found out now: it is they who fill what one may have."""
        for stream in self._streams.get(whose[0], ()):
            if (stream.holder.hospital, stream.holder.portal, stream.holder.account) == whose:
                stream.touch()

    def _all(self, hospital: str | None = None, *, of_all: bool = True) -> list[Stream]:
        with self._lock:
            if of_all:
                return [stream for streams in self._streams.values() for stream in streams]
            return list(self._streams.get(hospital, ()))

    def _start(self) -> None:
        with self._lock:
            if self._started:
                return
            self._started = True
        for name, run in (("hears changes", self._listen), ("checks holders", self._inspect)):
            threading.Thread(target=run, name=name, daemon=True).start()

    def _listen(self) -> None:
        """Hear the channel for ever; what was missed while Redis was away is read from the logs."""
        pause = 0.1
        with self._app.app_context():
            while not self._stopping.is_set():
                try:
                    for heard in self._hear():
                        pause = 0.1
                        self._tell(heard)
                except (RedisError, OSError) as error:
                    log.warning("changes not heard", error=type(error).__name__, seconds=pause)
                finally:
                    self._hears.clear()
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _hear(self) -> Iterator[Heard]:
        redis: Any = self._app.extensions["redis"]
        with redis.pubsub() as pubsub:
            pubsub.subscribe(channel())
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=LOOK_SECONDS)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    yield from self._catch_up()
                    self._hears.set()
                elif message["type"] == "message" and (heard := read_heard(message["data"])) is not None:
                    yield heard

    def _catch_up(self) -> Iterator[Heard]:
        """Read what the logs hold since the last change that was heard, and have everything read again besides:

        what could not be published while Redis was away stands in no log.
        """
        with self._lock:
            seen = dict(self._seen)
        for hospital, after in seen.items():
            missed = read_missed(hospital, after)
            yield from (Heard(hospital, id_, change) for id_, change in missed.changes)
            yield Heard(hospital, missed.last_id, Change(EVERYTHING))

    def _tell(self, heard: Heard) -> None:
        streams = self._all(heard.hospital, of_all=False)
        if heard.change.topic == ASK_AGAIN:
            for stream in streams:
                if not heard.change.whom or heard.change.whom in stream.holder.ids:
                    stream.check_at = 0.0
            return
        if streams:
            self._seen[heard.hospital] = heard.id
        for stream in streams:
            if stream.wants(heard.change):
                stream.put(heard.id, heard.change)

    def _inspect(self) -> None:
        """Ask again, for ever, whether those who hold streams may have them; hospital by hospital, a few at once."""
        while not self._stopping.wait(LOOK_SECONDS):
            now, again = time.monotonic(), self._next_check()
            due: dict[str | None, list[Stream]] = defaultdict(list)
            for stream in self._all():
                if stream.check_at <= now and stream.ended is None:
                    stream.check_at = again
                    due[stream.holder.hospital].append(stream)
            for streams in due.values():
                threading.Thread(target=self._check_streams, args=(streams,), daemon=True).start()

    def _next_check(self) -> float:
        """Return when to ask next; spread, so that those who came together are not all asked for together."""
        return time.monotonic() + self._check_seconds * random.uniform(0.7, 1.0)  # noqa: S311 # nosec B311

    def _check_streams(self, streams: list[Stream]) -> None:
        by_holder: dict[Holder, list[Stream]] = defaultdict(list)
        for stream in streams:
            by_holder[stream.holder].append(stream)
        with self._checking:
            for holder, theirs in by_holder.items():
                try:
                    self._check(holder, theirs)
                except Exception as error:  # who cannot be asked for has no stream; the page tries again by itself
                    log.warning("holder not asked for", portal=holder.portal, error=type(error).__name__)
                    for stream in theirs:
                        stream.end("moving")
