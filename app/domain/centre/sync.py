"""Carrying what happened in a hospital to the centre, at least once, with one effect.

Each batch is read bound to the hospital, the binding is left, and the centre is written to in one transaction of its
own, which moves the cursor. Whatever dies in between, the next run begins where the cursor stands.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.audit.outbox import has_events, place_events, read_events
from app.domain.centre.queries import count_rows, list_present, read_erased, read_patients, read_patients_after
from app.domain.security.events import TOLD
from app.domain.support.queries import read_answers
from app.tenancy.binding import bind_hospital, bound_hospital, tenancy
from app.tenancy.errors import HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital
from app.tenancy.index import deactivate, forget_erased, index_patients, list_indexed
from app.tenancy.models import RunStatus, SyncRun
from app.tenancy.reading import ask_replica
from app.tenancy.sync import (
    Heard,
    Report,
    checksum_of,
    find_heard,
    refuse_inside_a_hospital,
    take_report,
    write_failure,
    write_run,
)

log = get_logger(__name__)

BATCH = 500
NOT_SERVED = (HospitalNotReady, HospitalPaused, HospitalSuspended, UnknownHospital)
EVENTS, FULL = "events", "full"
ERASED = "patient.erase"


def has_news() -> bool:
    """Where events wait, or nothing was heard for five minutes."""
    heard = find_heard(bound_hospital().id)
    return heard.is_long_ago or has_events(heard.position)


def synchronise(code: str) -> int:
    """Carry everything that waits in a hospital to the centre; return how many events. Raises what stopped it."""
    carried = 0
    while True:
        events = _synchronise_batch(code)
        carried += events
        if events < BATCH:
            return carried


def synchronise_fully(code: str) -> int:
    """Tell the centre of every patient of a hospital anew, and take out whom it no longer has; return how many."""
    synchronise(code)
    hospital_id, started_at = tenancy().registry.get_by_code(code).id, clock.now()
    try:
        return _retell(code, hospital_id, started_at)
    except NOT_SERVED:
        raise
    except Exception as error:
        _note_failure(hospital_id, FULL, started_at, error)
        raise


def _synchronise_batch(code: str) -> int:
    hospital_id, started_at = tenancy().registry.get_by_code(code).id, clock.now()
    try:
        heard, counts = _last_heard(hospital_id)
        report = _read_report(code, heard, counts, started_at)
        if report is None:
            return 0
        with unit_of_work():
            taken = take_report(hospital_id, report)
    except NOT_SERVED:
        raise
    except Exception as error:
        _note_failure(hospital_id, EVENTS, started_at, error)
        raise
    if taken and report.event_ids:
        log.info("events carried", hospital=code, events=len(report.event_ids), to_position=report.to_position)
    return len(report.event_ids)


def _last_heard(hospital_id: UUID) -> tuple[Heard, dict[str, Any] | None]:
    with unit_of_work() as session:
        query = sa.select(SyncRun.counts).where(
            SyncRun.hospital_id == hospital_id, SyncRun.status == RunStatus.SUCCEEDED
        )
        return find_heard(hospital_id), session.scalar(query.order_by(SyncRun.started_at.desc()).limit(1))


def _read_report(code: str, heard: Heard, counts: dict[str, Any] | None, started_at: datetime) -> Report | None:
    """Return what the hospital has to tell, or None when it is nothing and was said lately."""
    with bind_hospital(code):
        with unit_of_work():
            place_events(BATCH)
        with unit_of_work():
            events = read_events(heard.position, BATCH)
            if not events and not heard.is_long_ago:
                return None
            patients = read_patients({event.subject_id for event in events if event.kind.startswith("patient.")})
            erased = read_erased({event.subject_id for event in events if event.kind == ERASED})
            support = read_answers({event.subject_id for event in events if event.kind.startswith("support.")})
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
            counts=ask_replica(lambda: count_rows(counts)),
        )


def _retell(code: str, hospital_id: UUID, started_at: datetime) -> int:
    told: list[UUID] = []
    while True:
        with bind_hospital(code), unit_of_work():
            patients = read_patients_after(told[-1] if told else None, BATCH)
        if not patients:
            break
        with unit_of_work():
            refuse_inside_a_hospital()
            index_patients(hospital_id, patients, rewrite=True)
        told.extend(facts.id for facts in patients)
    gone = _find_gone(code, hospital_id, set(told))
    with bind_hospital(code):
        with unit_of_work():
            erased = read_erased()
        counts = ask_replica(lambda: count_rows(None))
    with unit_of_work():
        forget_erased(hospital_id, erased)
        deactivate(hospital_id, gone, clock.now())
        position = find_heard(hospital_id).position
        report = Report(FULL, started_at, position, position, counts=counts)
        write_run(hospital_id, report, checksum=checksum_of(told))
    return len(told)


def _find_gone(code: str, hospital_id: UUID, told: set[UUID]) -> set[UUID]:
    """Return whom the index has and the hospital has not; one who came in the meantime is there when asked again."""
    with unit_of_work():
        suspects = list_indexed(hospital_id) - told
    with bind_hospital(code), unit_of_work():
        return suspects - list_present(sorted(suspects))


def _note_failure(hospital_id: UUID, kind: str, started_at: datetime, error: Exception) -> None:
    db.session.rollback()
    try:
        with unit_of_work():
            write_failure(hospital_id, kind, started_at, find_heard(hospital_id).position, error)
    except DBAPIError:
        log.warning("the centre does not answer; the cursor stays", error=type(error).__name__)
