"""Carrying what happened in a hospital to the centre, at least once, with one effect.

Each batch is read bound to the hospital, the binding is left, and the centre is written to in one transaction of its
own, which moves the cursor. Whatever dies in between, the next run begins where the cursor stands. Where events are
gone that the centre has not heard, it is told of every patient anew (`retelling`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.audit.delivery import SINCE
from app.domain.audit.outbox import find_pruned, has_events, place_events, read_events
from app.domain.centre.queries import count_rows, list_consumer_states, read_erased, read_patients
from app.domain.centre.retelling import Progress, retell
from app.domain.security.events import TOLD
from app.domain.support.queries import read_answers
from app.tenancy.binding import bind_hospital, bound_hospital, has_revision, tenancy
from app.tenancy.errors import HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital
from app.tenancy.reading import ask_replica
from app.tenancy.sync import Heard, Report, find_heard, take_report, write_failure

log = get_logger(__name__)

BATCH = 500
NOT_SERVED = (HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital)
EVENTS, FULL = "events", "full"
ERASED = "patient.erase"


class EventsAreGone(Exception):
    """Events that the centre has not heard were pruned, because it had heard them once: it was restored since."""


def has_news() -> bool:
    """Where events wait, or nothing was heard for five minutes."""
    heard = find_heard(bound_hospital().id)
    return heard.is_long_ago or has_events(heard.position)


def synchronise(code: str, *, place: bool = True) -> int:
    """Carry everything that waits in a hospital to the centre; return how many events. Raises what stopped it.

    Without `place`, of the events that have their place in line already.
    """
    carried = 0
    while True:
        try:
            events = _synchronise_batch(code, place=place)
        except EventsAreGone:
            log.warning("events are gone that the centre has not heard; telling it everything anew", hospital=code)
            _retell_noting_failure(code, None)
            continue
        carried += events
        if events < BATCH:
            return carried


def synchronise_fully(code: str, progress: Progress | None = None) -> int:
    """Tell the centre of every patient of a hospital anew, and take out whom it no longer has; return how many.

    `progress` is told how many of how many were told, and may raise to stop.
    """
    synchronise(code)
    return _retell_noting_failure(code, progress)


def _retell_noting_failure(code: str, progress: Progress | None) -> int:
    hospital_id, started_at = tenancy().registry.get_by_code(code).id, clock.now()
    try:
        return retell(code, hospital_id, started_at, progress)
    except NOT_SERVED:
        raise
    except Exception as error:
        _note_failure(hospital_id, FULL, started_at, error)
        raise


def _synchronise_batch(code: str, *, place: bool) -> int:
    hospital_id, started_at = tenancy().registry.get_by_code(code).id, clock.now()
    try:
        with unit_of_work():
            heard = find_heard(hospital_id)
        report = _read_report(code, heard, started_at, place=place)
        if report is None:
            return 0
        with unit_of_work():
            taken = take_report(hospital_id, report)
    except (*NOT_SERVED, EventsAreGone):
        raise
    except Exception as error:
        _note_failure(hospital_id, EVENTS, started_at, error)
        raise
    if taken and report.event_ids:
        log.info("events carried", hospital=code, events=len(report.event_ids), to_position=report.to_position)
    return len(report.event_ids)


def _read_report(code: str, heard: Heard, started_at: datetime, *, place: bool) -> Report | None:
    """Return what the hospital has to tell, or None when it is nothing and was said lately; raises EventsAreGone."""
    with bind_hospital(code):
        if place:
            with unit_of_work():
                place_events(BATCH)
        with unit_of_work():
            events = read_events(heard.position, BATCH)
            joined = bool(events) and events[0].position == heard.position + 1
            if not joined and has_revision(SINCE) and find_pruned() > heard.position:
                raise EventsAreGone
            if not events and not heard.is_long_ago:
                return None
            patients = read_patients({event.subject_id for event in events if event.kind.startswith("patient.")})
            erased = read_erased({event.subject_id for event in events if event.kind == ERASED})
            support = read_answers({event.subject_id for event in events if event.kind.startswith("support.")})
        counts = ask_replica(lambda: count_rows(heard.counts))
        consumers = list_consumer_states() if counts is not heard.counts else []
        return Report(
            kind=EVENTS,
            started_at=started_at,
            from_position=heard.position,
            to_position=events[-1].position if events else heard.position,
            event_ids=[event.id for event in events],
            patients=patients,
            erased=erased,
            support=support,
            security=[event.payload for event in events if event.kind == TOLD],
            consumers=consumers,
            counts=counts,
        )


def _note_failure(hospital_id: UUID, kind: str, started_at: datetime, error: Exception) -> None:
    db.session.rollback()
    try:
        with unit_of_work():
            write_failure(hospital_id, kind, started_at, find_heard(hospital_id).position, error)
    except DBAPIError:
        log.warning("the centre does not answer; the cursor stays", error=type(error).__name__)
