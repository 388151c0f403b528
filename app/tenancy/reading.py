"""Reading from a hospital's replica what may be a few seconds old: counts, reports, exports.

Where there is no replica, or it is away or too far behind, the primary is read instead. Nothing can be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.exc import DBAPIError

from app.core.access_mode import reading
from app.core.circuit import Circuit
from app.core.db import autocommitting
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bound_hospital, read_from, tenancy
from app.tenancy.errors import WrongDatabase
from app.tenancy.registry import HospitalEntry
from app.tenancy.replicas import ReplicaAddress

log = get_logger(__name__)

Answer = TypeVar("Answer")

REST_SECONDS = 15.0
# All that was received is replayed, and more is coming: as new as can be. Otherwise as old as what was replayed last.
FRESHNESS = sa.text(
    "SELECT pg_is_in_recovery(), CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
    " AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0"
    " ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
)


@contextmanager
def reading_replica(lag_seconds: float | None = None) -> Iterator[bool]:
    """Read what is asked inside from the bound hospital's replica; give whether it is that or the primary.

    A replica that is further behind than `lag_seconds` (REPLICA_LAG_SECONDS) is not read. Objects that the session
    holds already are not read anew: ask for rows.
    """
    copy = _find_fresh(bound_hospital(), lag_seconds)
    undo = read_from(copy) if copy is not None else None
    try:
        with reading():
            yield copy is not None
    finally:
        if undo is not None:
            undo()


def ask_replica(question: Callable[[], Answer], lag_seconds: float | None = None) -> Answer:
    """Return a question's answer from the replica, or from the primary where the replica fails in the middle of it.

    The question is asked in a unit of work of its own, perhaps twice.
    """
    on_replica = False
    try:
        with unit_of_work(), reading_replica(lag_seconds) as on_replica:
            return question()
    except DBAPIError as error:
        if not on_replica:
            raise
        _rest(bound_hospital(), error)
    with unit_of_work(), reading():
        return question()


def _find_fresh(hospital: HospitalEntry, lag_seconds: float | None) -> sa.Engine | None:
    place = hospital.whereabouts
    copy = place.at_replica() if place is not None else None
    if copy is None or place is None or place.replica is None or _circuit(place.replica).is_open():
        return None
    most = current_app.extensions["settings"].replica_lag_seconds if lag_seconds is None else lag_seconds
    engine = tenancy().engines.get_at(hospital.id, copy)
    try:
        with autocommitting(engine).connect() as connection:
            is_copy, behind = connection.execute(FRESHNESS).one()
    except (DBAPIError, WrongDatabase) as error:
        _rest(hospital, error)
        return None
    if not is_copy or behind is None or behind > most:
        log.warning("replica not read", hospital=hospital.code, is_replica=is_copy, seconds_behind=behind)
        return None
    return engine


def _rest(hospital: HospitalEntry, error: Exception) -> None:
    """Ask this replica nothing for a while: whoever asked would wait for it."""
    address = hospital.whereabouts.replica if hospital.whereabouts else None
    if address is not None:
        _circuit(address).open()
    log.warning("replica away, reading the primary", hospital=hospital.code, error=type(error).__name__)


def _circuit(address: ReplicaAddress) -> Circuit:
    return tenancy().replicas_away.setdefault(address, Circuit(REST_SECONDS))
