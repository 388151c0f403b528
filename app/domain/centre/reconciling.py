"""Comparing the index with a hospital's own patients, range by range, and mending what has drifted.

The hospital is right about its patients. What is merely under way is no drift: what differs is looked at again after
everything that waits was carried, and only what differs still, of a patient whom nobody has changed meanwhile, counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.centre.queries import count_patients, list_present, read_patients, read_patients_after
from app.domain.centre.sync import synchronise
from app.tenancy.binding import bind_hospital, bound_hospital, tenancy
from app.tenancy.comparing import (
    Indexed,
    Range,
    begin_reconciliation,
    checksum_at_centre,
    checksum_of_range,
    doubt,
    end_reconciliation,
    fingerprint_of,
    is_comparison_due,
    read_indexed,
)
from app.tenancy.index import PatientFacts, index_patients, take_out
from app.tenancy.security_events import record_platform_security_event
from app.tenancy.sync import refuse_inside_a_hospital

log = get_logger(__name__)

RANGE = 1_000
EVERY = timedelta(days=1)
DRIFTED = "index.drifted"
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Figures:
    """What a comparison found, and how much of it is mended."""

    patients: int = 0
    ranges: int = 0
    ranges_differing: int = 0
    missing: int = 0
    different: int = 0
    surplus: int = 0
    mended: int = 0
    checksum: str = ""

    @property
    def drifted(self) -> int:
        return self.missing + self.different + self.surplus


def is_reconciliation_due() -> bool:
    """Where the index was not compared for a day."""
    return is_comparison_due(bound_hospital().id, clock.now() - EVERY)


def reconcile(actor: Actor, code: str, progress: Progress | None = None) -> Figures:
    """Compare and mend; return what was found. `progress` is told how many of how many, and may raise to stop."""
    hospital_id = tenancy().registry.get_by_code(code).id
    with unit_of_work():
        run = begin_reconciliation(hospital_id, actor.name, clock.now())
    figures = Figures()
    try:
        synchronise(code)
        _compare(code, hospital_id, figures, progress)
    except BaseException as error:
        db.session.rollback()
        with unit_of_work():
            failure = error if isinstance(error, Exception) else RuntimeError()
            end_reconciliation(run, failure, **asdict(figures))
        raise
    with unit_of_work():
        end_reconciliation(run, **asdict(figures))
        if figures.drifted:
            record_platform_security_event(
                actor, DRIFTED, subject_type="reconciliation", subject_id=run, hospital_id=hospital_id,
                details={"drifted": figures.drifted},
            )  # fmt: skip
    if figures.drifted:
        log.error("the index had drifted", hospital=code, drifted=figures.drifted, mended=figures.mended)
    return figures


def _compare(code: str, hospital_id: UUID, figures: Figures, progress: Progress | None) -> None:
    after: UUID | None = None
    checksums: list[str] = []
    with bind_hospital(code), unit_of_work():
        expected = count_patients()
    while True:
        with bind_hospital(code), unit_of_work():
            patients = read_patients_after(after, RANGE)
        ends = len(patients) < RANGE
        where = Range(after, None if ends else patients[-1].id)
        mine = checksum_of_range(fingerprint_of(facts) for facts in patients)
        with unit_of_work():
            theirs = checksum_at_centre(hospital_id, where)
        checksums.append(mine)
        figures.ranges += 1
        figures.patients += len(patients)
        if mine != theirs:
            _mend(code, hospital_id, where, patients, figures)
        if progress is not None:
            progress(figures.patients, max(expected, figures.patients))
        if ends:
            figures.checksum = checksum_of_range(checksums)
            return
        after = patients[-1].id


def _mend(code: str, hospital_id: UUID, where: Range, before: Sequence[PatientFacts], figures: Figures) -> None:
    """Look again at what differs in a range, and write what the hospital says now."""
    was = {facts.id: facts.version for facts in before}
    with unit_of_work():
        indexed = read_indexed(hospital_id, where)
    suspects = {facts.id for facts in before if _differs(facts, indexed.get(facts.id))} | (set(indexed) - set(was))
    synchronise(code)
    with unit_of_work():
        indexed = read_indexed(hospital_id, suspects)
    with bind_hospital(code), unit_of_work():
        now = {facts.id: facts for facts in read_patients(suspects)}
        gone = set(indexed) - set(now) - list_present(sorted(suspects))
    drifted = [f for f in now.values() if was.get(f.id) == f.version and _differs(f, indexed.get(f.id))]
    if not drifted and not gone:
        return
    with unit_of_work():
        refuse_inside_a_hospital()
        doubt(hospital_id, [indexed[facts.id] for facts in drifted if facts.id in indexed])
        index_patients(hospital_id, drifted, rewrite=True)
        take_out(hospital_id, gone)
    figures.ranges_differing += 1
    figures.missing += sum(facts.id not in indexed for facts in drifted)
    figures.different += sum(facts.id in indexed for facts in drifted)
    figures.surplus += len(gone)
    figures.mended += len(drifted) + len(gone)


def _differs(facts: PatientFacts, indexed: Indexed | None) -> bool:
    return indexed is None or indexed.fingerprint != fingerprint_of(facts)
