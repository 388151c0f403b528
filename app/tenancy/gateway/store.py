"""What every request is held against: compiled access rules, kept in the process and in Redis.

A change gives what it touches a new stamp in Redis; each request compares the stamps with those of what the process
holds, which is one command. So a change counts in every process from the next request on. While Redis is away, what
is held is trusted for a few seconds and then read from the databases again; while they are away too, what is known
goes on counting. Where nothing is known and nothing can be read, nobody is let in.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.db import autocommitting, db
from app.core.ids import new_token
from app.core.keys import shared_name
from app.core.logging import get_logger
from app.core.noticeboard import Noticeboard, NoticeboardAway
from app.tenancy.binding import find_bound_hospital, tenancy
from app.tenancy.errors import HospitalUnavailable, RegistryUnavailable, WrongDatabase
from app.tenancy.gateway.reading import NO_ROWS, read_central, read_own
from app.tenancy.gateway.rules import NOTHING, Gateway, Source, compile_gateway
from app.tenancy.registry import HospitalEntry
from app.tenancy.revisions import is_at_least

log = get_logger(__name__)

REVISION = "h006"
STAMP_SECONDS = 300  # a change that nobody could announce is found after so long
CHANGING, CHANGING_SECONDS = b"?", 15
MOST_KNOWN = 5_000
NOTHING_OWN = (NOTHING, NOTHING)

_Place: TypeAlias = tuple[str, str] | None  # a hospital's code and database; None for the platform

_present: ContextVar[tuple[str | None, Gateway] | None] = ContextVar("present_gateway", default=None)


@dataclass(frozen=True, slots=True)
class _Held:
    """What the process holds of one owner: of the platform, or of a hospital (operators' rows about it and its own)."""

    stamp: bytes | None
    read_at: float
    digest: bytes
    sources: tuple[Source, ...]
    shaky: bool = False  # read when the database did not answer, so that not every request waits for that


class GatewayStore:
    """The rules of the platform and of recently used hospitals."""

    def __init__(
        self,
        board: Noticeboard,
        secret: str,
        trusted_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._key = hashlib.sha256(b"gateway\x00" + secret.encode()).digest()
        self._trusted_seconds = trusted_seconds
        self._monotonic = monotonic
        self._held: dict[_Place, _Held] = {}
        self._doubted: set[_Place] = set()
        self._compiled: dict[tuple[_Place, str | None], tuple[object, object, Gateway]] = {}
        self._locks: dict[_Place, threading.Lock] = {}

    def get(self, hospital: HospitalEntry | None, portal: str | None) -> Gateway:
        """Return what counts now; raises RegistryUnavailable or HospitalUnavailable where nothing is known of it."""
        place = _place_of(hospital)
        platform, about = self._sources(place, hospital)
        known = self._compiled.get((place, portal))
        if known is not None and known[0] is platform and known[1] is about:
            return known[2]
        gateway = compile_gateway(portal, platform[0], *about)
        if len(self._compiled) >= MOST_KNOWN:
            self._compiled.clear()
        self._compiled[place, portal] = (platform, about, gateway)
        return gateway

    def central_sources(self, hospital: HospitalEntry | None) -> tuple[Source, Source]:
        """Return what operators say of the platform, and of a hospital; raises like `get`."""
        platform, about = self._sources(_place_of(hospital), hospital)
        return platform[0], about[0]

    def _sources(self, place: _Place, hospital: HospitalEntry | None) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
        stamps = self._stamps(place)
        away = stamps is None
        platform = self._hold(None, None, stamps[0] if stamps else None, away)
        if hospital is None:
            return platform.sources, NOTHING_OWN
        return platform.sources, self._hold(place, hospital, stamps[1] if stamps else None, away).sources

    def is_changing(self, hospital: HospitalEntry | None) -> None:
        """Have every process ask the database until the change is committed, or until it is given up."""
        self._announce(_place_of(hospital), CHANGING, CHANGING_SECONDS)

    def has_changed(self, hospital: HospitalEntry | None) -> None:
        """Have every process ask once more; where Redis cannot be told now, this process tells it as soon as it can."""
        place = _place_of(hospital)
        held = self._held.get(place)
        if held is not None:
            self._held[place] = replace(held, stamp=None, read_at=float("-inf"))
        self._announce(place, new_token().encode(), STAMP_SECONDS)

    def _announce(self, place: _Place, stamp: bytes, seconds: int) -> None:
        try:
            self._board.put(_stamp_name(place), stamp, seconds)
        except NoticeboardAway as error:
            self._doubted.add(place)
            log.warning("change of access rules not announced", hospital=place and place[0], error=str(error))

    def _stamps(self, place: _Place) -> list[bytes | None] | None:
        """Ask Redis for the present stamps; None while it is away."""
        names = [_stamp_name(None)] if place is None else [_stamp_name(None), _stamp_name(place)]
        try:
            return self._board.read(*names)
        except NoticeboardAway as error:
            self._doubt(error)
            return None

    def _doubt(self, error: NoticeboardAway) -> None:
        """Note that Redis is away: what it says after that is old until this process has given new stamps."""
        self._doubted.update(self._held)
        if error.args:
            log.warning("redis away; access rules come from the database", error=str(error))

    def _hold(self, place: _Place, hospital: HospitalEntry | None, stamp: bytes | None, away: bool) -> _Held:
        """Return what is known of an owner, made fresh where it may have changed."""
        held = self._held.get(place)
        if held is not None and self._is_fresh(place, held, stamp, away):
            return held
        with self._locks.setdefault(place, threading.Lock()):
            held = self._held.get(place)
            if held is not None and self._is_fresh(place, held, stamp, away):
                return held  # another thread was faster
            try:
                return self._renew(place, hospital, stamp, away)
            except NoticeboardAway as error:
                self._doubt(error)
                return self._read(place, hospital, None)

    def _is_fresh(self, place: _Place, held: _Held, stamp: bytes | None, away: bool) -> bool:
        if not away and stamp is not None and held.stamp == stamp and place not in self._doubted:
            return True
        return (away or held.shaky) and self._monotonic() - held.read_at < self._trusted_seconds

    def _renew(self, place: _Place, hospital: HospitalEntry | None, stamp: bytes | None, away: bool) -> _Held:
        if away:
            return self._read(place, hospital, None)
        name = _stamp_name(place)
        if place in self._doubted:
            stamp = new_token().encode()
            self._board.put(name, stamp, STAMP_SECONDS)
            self._doubted.discard(place)
        elif stamp is None:
            self._board.put_first(name, new_token().encode(), STAMP_SECONDS)
            (stamp,) = self._board.read(name)
        if stamp is None or stamp == CHANGING:
            return self._read(place, hospital, None)
        held = self._held.get(place)
        if held is not None and held.stamp == stamp:
            return held
        return self._remembered(place, stamp) or self._read(place, hospital, stamp)

    def _remembered(self, place: _Place, stamp: bytes) -> _Held | None:
        """Take what another process compiled under this stamp, if it is signed by one of ours."""
        (found,) = self._board.read(_rules_name(place))
        if found is None or len(found) < 64:
            return None
        mac, body = found[:64], found[64:]
        if not hmac.compare_digest(mac, self._mac(place, stamp, body)):
            return None
        return self._keep(place, stamp, body)

    def _read(self, place: _Place, hospital: HospitalEntry | None, stamp: bytes | None) -> _Held:
        """Ask the databases, and tell Redis; where they are away, what is known is trusted a little longer."""
        try:
            rows = _read_platform() if hospital is None else _read_hospital(hospital)
        except (DBAPIError, PoolTimeout, WrongDatabase) as error:
            held = self._held.get(place)
            if held is None:
                raise (RegistryUnavailable if hospital is None else HospitalUnavailable) from error
            log.warning(
                "database away; known access rules go on", hospital=place and place[0], error=type(error).__name__
            )
            return self._remember(place, replace(held, read_at=self._monotonic(), shaky=True))
        body = json.dumps(rows, separators=(",", ":")).encode()
        held = self._keep(place, stamp, body)
        if stamp is not None:
            self._board.put(_rules_name(place), self._mac(place, stamp, body) + body, 2 * STAMP_SECONDS)
        return held

    def _keep(self, place: _Place, stamp: bytes | None, body: bytes) -> _Held:
        digest = hashlib.sha256(body).digest()
        held, now = self._held.get(place), self._monotonic()
        if held is not None and held.digest == digest:
            # The same sources again, so that nothing is compiled anew.
            return self._remember(place, replace(held, stamp=stamp, read_at=now, shaky=False))
        sources = tuple(Source.read(rows) for rows in json.loads(body))
        return self._remember(place, _Held(stamp, now, digest, sources))

    def _remember(self, place: _Place, held: _Held) -> _Held:
        if len(self._held) >= MOST_KNOWN and place not in self._held:
            for other in [name for name in self._held if name is not None]:
                del self._held[other]
        self._held[place] = held
        return held

    def _mac(self, place: _Place, stamp: bytes, body: bytes) -> bytes:
        words = b"\x00".join((_rules_name(place).encode(), stamp, body))
        return hmac.new(self._key, words, hashlib.sha256).hexdigest().encode()


def init_gateway_store(app: Flask) -> None:
    """Give an application its store; nothing is asked before the first request."""
    settings = app.extensions["settings"]
    board = Noticeboard(app.extensions["redis"])
    app.extensions["noticeboard"] = board
    app.extensions["gateway"] = GatewayStore(board, settings.secret_key, settings.registry_seconds)


def gateway_store() -> GatewayStore:
    """Return the present application's store."""
    return cast(GatewayStore, current_app.extensions["gateway"])


def enter_gateway(hospital: HospitalEntry | None, gateway: Gateway) -> Callable[[], None]:
    """Let a gateway be this unit of work's, so that nobody asks again what counts, until the function is called."""
    token = _present.set((hospital.code if hospital else None, gateway))
    return lambda: _present.reset(token)


def gateway_of(portal: str | None) -> Gateway:
    """Return what counts for a portal of the bound hospital, or of the platform where none is bound."""
    hospital, present = find_bound_hospital(), _present.get()
    code = hospital.code if hospital else None
    if present is not None and present[0] == code and present[1].portal == portal:
        return present[1]
    return gateway_store().get(None if portal == "admin" else hospital, portal)


def _place_of(hospital: HospitalEntry | None) -> _Place:
    """Return under what a hospital's rules are held: a database that took another's place has rules of its own."""
    if hospital is None:
        return None
    return hospital.code, hospital.whereabouts.database if hospital.whereabouts else str(hospital.id)


def _stamp_name(place: _Place) -> str:
    return _name(place, "stamp")


def _rules_name(place: _Place) -> str:
    return _name(place, "rules")


def _name(place: _Place, what: str) -> str:
    return shared_name(None, "gateway", what) if place is None else shared_name(place[0], "gateway", what, place[1])


def _read_platform() -> list[dict[str, Any]]:
    with autocommitting(db.engine).connect() as connection:
        return [read_central(connection, None)]


def _read_hospital(hospital: HospitalEntry) -> list[dict[str, Any]]:
    """Return what operators say about a hospital, and what it says itself once its database can hold that."""
    with autocommitting(db.engine).connect() as connection:
        about = read_central(connection, hospital.id)
    if not is_at_least(hospital.schema_revision, REVISION):
        return [about, NO_ROWS]
    engine: sa.Engine = tenancy().engines.get(hospital)
    with autocommitting(engine).connect() as connection:
        return [about, read_own(connection)]
