"""What changed, told to the pages that are open: a short log for each hospital in Redis, and one channel.

A change says its topic and ids, never what it is about: a page that hears of it asks for its fragment, with the
permission checks of every other page. Streams are an offer; a page that has none asks by itself from time to time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from app.core.circuit import Circuit
from app.core.keys import shared_name
from app.core.logging import get_logger

log = get_logger(__name__)

EVERYTHING = "*"  # a change of which nobody knows what it was: whoever hears it reads everything again
ASK_AGAIN = "?"  # no change at all: those who hold streams are to ask once more who may have them
BEGINNING = "0-0"
KEPT = 500  # changes of a hospital, about; who was away for longer reads everything again
KEPT_SECONDS = 86_400
REST_SECONDS = 3.0
SEPARATOR = "\n"

# In one step, so that the order of the log is the order on the channel.
_PUBLISH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 't', ARGV[3], 'k', ARGV[4], 'w', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[2], ARGV[6] .. '\\n' .. id .. '\\n' .. ARGV[3] .. '\\n' .. ARGV[4] .. '\\n' .. ARGV[5])
return id
"""


@dataclass(frozen=True, slots=True)
class Change:
    """That something of a topic changed: which thing, and whom alone it concerns, where it is not everybody's."""

    topic: str
    key: str = ""
    whom: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """A change as the channel carries it: in which hospital (None: at the platform), and its place in the log."""

    hospital: str | None
    id: str
    change: Change


@dataclass(frozen=True, slots=True)
class Missed:
    """What came after a place in a log. Where the log does not reach back that far, it is not the whole."""

    changes: Sequence[tuple[str, Change]]
    is_whole: bool
    last_id: str


@dataclass(slots=True)
class _State:
    circuit: Circuit = field(default_factory=lambda: Circuit(REST_SECONDS))
    untold: set[str | None] = field(default_factory=set)


def init_live(app: Flask) -> None:
    """Let an application publish changes."""
    app.extensions["live"] = _State()


def channel() -> str:
    """Return the channel on which every process that holds streams listens."""
    return shared_name(None, "live", "changes")


def publish(topic: str, *, hospital: str | None, key: object = "", whom: object = "") -> bool:
    """Tell open pages of a change; False where Redis does not answer.

    What could not be told is made up for: the next change that can be told is preceded by one of everything.
    """
    state = cast(_State, current_app.extensions["live"])
    if state.circuit.is_open():
        state.untold.add(hospital)
        return False
    try:
        if hospital in state.untold:
            _publish(hospital, Change(EVERYTHING))
            state.untold.discard(hospital)
        _publish(hospital, Change(topic, str(key), str(whom)))
    except RedisError as error:
        state.circuit.open()
        state.untold.add(hospital)
        log.warning("change not told", topic=topic, error=type(error).__name__)
        return False
    return True


def ask_again(*, hospital: str | None, whom: object = "") -> None:
    """Have the streams of a hospital, or of one person there, checked at once: somebody may have lost a right."""
    heard = Heard(hospital, BEGINNING, Change(ASK_AGAIN, "", str(whom)))
    state = cast(_State, current_app.extensions["live"])
    if state.circuit.is_open():
        return  # every stream is checked again soon anyway
    try:
        _redis().publish(channel(), write_heard(heard))
    except RedisError as error:
        state.circuit.open()
        log.warning("streams not checked at once", error=type(error).__name__)


def read_missed(hospital: str | None, after: str) -> Missed:
    """Return what a hospital's log holds after a place; raises RedisError."""
    name, redis = _log(hospital), _redis()
    asking: Any = redis.pipeline(transaction=True)
    asking.xrange(name, count=1)
    asking.xrevrange(name, count=1)
    asking.xrange(name, min=f"({after}")
    first, newest, found = asking.execute()
    last_id = _text(newest[0][0]) if newest else BEGINNING
    reaches = place_of(after) <= place_of(last_id)
    if reaches and first and after != BEGINNING:
        reaches = place_of(_text(first[0][0])) <= place_of(after)
    changes = [(_text(id_), _change_of(facts)) for id_, facts in found]
    return Missed(changes if reaches else (), reaches, last_id)


def place_of(id_: str) -> tuple[int, int]:
    """Return the place in a log that an id says; that of the beginning for what is no id."""
    moment, _dash, number = id_.partition("-")
    if not (moment.isdigit() and number.isdigit() and len(id_) < 40):
        return (0, 0)
    return int(moment), int(number)


def write_heard(heard: Heard) -> str:
    """Write a change as the channel carries it."""
    change = heard.change
    return SEPARATOR.join((heard.hospital or "", heard.id, change.topic, change.key, change.whom))


def read_heard(data: bytes) -> Heard | None:
    """Read what the channel carried, or None where it is nothing of ours."""
    words = data.decode(errors="replace").split(SEPARATOR)
    if len(words) != 5:
        return None
    return Heard(words[0] or None, words[1], Change(*words[2:]))


def _publish(hospital: str | None, change: Change) -> None:
    words = (change.topic, change.key, change.whom)
    if any(SEPARATOR in word for word in words):
        raise ValueError(f"not a change that can be told: {change!r}")
    _redis().eval(_PUBLISH, 2, _log(hospital), channel(), KEPT, KEPT_SECONDS, *words, hospital or "")


def _change_of(facts: dict[bytes, bytes]) -> Change:
    return Change(*(_text(facts.get(name, b"")) for name in (b"t", b"k", b"w")))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _log(hospital: str | None) -> str:
    return shared_name(hospital, "live", "log")


def _redis() -> Redis:
    return cast(Redis, current_app.extensions["redis"])
