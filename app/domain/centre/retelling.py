"""Telling the centre of every patient of a hospital anew: when somebody asks for it, and where events are gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from app.core.unit_of_work import unit_of_work
from app.domain.audit.delivery import SINCE
from app.domain.audit.outbox import find_pruned
from app.domain.centre.queries import count_patients, count_rows, list_present, read_erased, read_patients_after
from app.tenancy.binding import bind_hospital, has_revision
from app.tenancy.index import forget_erased, index_patients, list_indexed, take_out
from app.tenancy.reading import ask_replica
from app.tenancy.sync import Report, checksum_of, find_heard, move_cursor, refuse_inside_a_hospital, write_run

BATCH = 500
FULL = "full"
Progress = Callable[[int, int], None]


def retell(code: str, hospital_id: UUID, started_at: datetime, progress: Progress | None = None) -> int:
    """Tell everything, batch by batch; return how many patients. The centre reads on behind what was pruned before."""
    told: list[UUID] = []
    with bind_hospital(code), unit_of_work():
        pruned, expected = (find_pruned() if has_revision(SINCE) else 0), count_patients()
    while True:
        with bind_hospital(code), unit_of_work():
            patients = read_patients_after(told[-1] if told else None, BATCH)
        if not patients:
            break
        with unit_of_work():
            refuse_inside_a_hospital()
            index_patients(hospital_id, patients, rewrite=True)
        told.extend(facts.id for facts in patients)
        if progress is not None:
            progress(len(told), max(expected, len(told)))
    gone = _find_gone(code, hospital_id, set(told))
    with bind_hospital(code):
        with unit_of_work():
            erased = read_erased()
        counts = ask_replica(lambda: count_rows(None))
    with unit_of_work():
        forget_erased(hospital_id, erased)
        take_out(hospital_id, gone)
        if pruned:
            move_cursor(hospital_id, pruned)
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
