"""Erasing or de-identifying a patient: proposed by one person, approved by another, performed by a worker.

The usual result is de-identification: records of care are kept as long as the law on examination and treatment says and
everything that says whose they are goes. (Law 91/2025/QH15, article 14; what must be kept by other law stays.)
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.formats.dates import format_date
from app.core.i18n import _l
from app.core.queue import enqueue
from app.domain.audit.operations import record_change
from app.domain.patients.models import Patient
from app.domain.privacy.models import Erasure, ErasureKind, ErasureState, LegalHold
from app.domain.privacy.overview import find_kept_until
from app.domain.security.events import record_security_event
from app.tenancy.binding import bound_hospital

JOB = "perform_erasures"
LONGEST_REASON = 1000


class HeldByLaw(Conflict):
    title = _l("A legal hold stands")
    default_message = _l("Nothing of this patient may be erased while a legal hold stands.")


class MustBeKept(Conflict):
    title = _l("Records must still be kept")

    def __init__(self, until: datetime) -> None:
        super().__init__(
            _l(
                "The law keeps this patient's records until %(day)s. De-identify the patient instead.",
                day=format_date(until.date()),
            )
        )


class ErasedAlready(Conflict):
    default_message = _l("This patient is erased or de-identified already, or somebody has proposed it.")


class NeedsAnother(Conflict):
    title = _l("A second person decides")
    default_message = _l("Whoever proposed an erasure cannot approve it. Ask a colleague.")


def place_hold(actor: Actor, patient_id: UUID, reason: str, review_on: date | None = None) -> LegalHold:
    """Forbid erasing and purging anything of a patient; raises NotFound, InvalidValue. Waits for what is under way."""
    patient = _lock(patient_id)
    hold = LegalHold(
        patient_id=patient.id, reason=_text(reason), review_on=review_on, placed_by=actor.id, placed_by_name=actor.name
    )
    db.session.add(hold)
    db.session.flush()
    record_change(actor, "legal_hold.place", subject_type="legal_hold", subject_id=hold.id, patient_id=patient_id)
    return hold


def release_hold(actor: Actor, patient_id: UUID, hold_id: UUID, reason: str) -> None:
    """Lift a hold, for a reason; again changes nothing. Raises NotFound, InvalidValue."""
    query = sa.select(LegalHold).where(LegalHold.id == hold_id, LegalHold.patient_id == patient_id)
    hold = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if hold is None:
        raise NotFound
    if hold.released_at is not None:
        return
    hold.release_reason = _text(reason)
    hold.released_at, hold.released_by = clock.now(), actor.id
    db.session.flush()
    record_change(actor, "legal_hold.release", subject_type="legal_hold", subject_id=hold.id, patient_id=patient_id)


def is_held(patient_id: UUID) -> bool:
    """Tell whether a legal hold stands."""
    query = sa.select(LegalHold.id).where(LegalHold.patient_id == patient_id, LegalHold.released_at.is_(None))
    return bool(db.session.scalar(sa.select(query.exists())))


def propose(actor: Actor, patient_id: UUID, kind: ErasureKind, reason: str, request_id: UUID | None = None) -> Erasure:
    """Propose to erase or de-identify; raises NotFound, InvalidValue, ErasedAlready, HeldByLaw or MustBeKept."""
    patient, reason = _lock(patient_id), _text(reason)
    if patient.erased_at is not None and (kind is ErasureKind.DEIDENTIFY or _is_erased_whole(patient_id)):
        raise ErasedAlready
    _check_allowed(patient_id, kind)
    row = Erasure(
        patient_id=patient_id, kind=kind, reason=reason, request_id=request_id, proposed_by=actor.id,
        proposed_by_name=actor.name,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        raise ErasedAlready from None
    _record(actor, "propose", row)
    return row


def decide(actor: Actor, patient_id: UUID, erasure_id: UUID, version: int, *, approve: bool) -> Erasure:
    """Approve a proposal, or refuse it; raises NotFound, StaleVersion, NeedsAnother, HeldByLaw or MustBeKept.

    Whoever proposed may take it back, but not approve it.
    """
    _lock(patient_id)
    query = sa.select(Erasure).where(Erasure.id == erasure_id, Erasure.patient_id == patient_id)
    row = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    if row.version != version or row.state is not ErasureState.PROPOSED:
        raise StaleVersion
    if approve:
        if actor.id is None or actor.id == row.proposed_by:
            raise NeedsAnother
        _check_allowed(patient_id, row.kind)
    row.state = ErasureState.APPROVED if approve else ErasureState.REFUSED
    row.decided_at, row.decided_by, row.decided_by_name = clock.now(), actor.id, actor.name
    db.session.flush()
    _record(actor, "approve" if approve else "refuse", row)
    if approve:
        record_security_event(
            actor, "erasure.perform", subject_type="patient", subject_id=patient_id, details={"kind": row.kind.value}
        )
        code = bound_hospital().code
        after_commit(lambda: enqueue(JOB, hospital=code))
    return row


def _is_erased_whole(patient_id: UUID) -> bool:
    query = sa.select(Erasure.id).where(Erasure.patient_id == patient_id, Erasure.kind == ErasureKind.ERASE)
    return db.session.scalar(query.where(Erasure.state == ErasureState.PERFORMED).limit(1)) is not None


def _check_allowed(patient_id: UUID, kind: ErasureKind) -> None:
    if is_held(patient_id):
        raise HeldByLaw
    until = find_kept_until(patient_id)
    if kind is ErasureKind.ERASE and until is not None and until > clock.now():
        raise MustBeKept(until)


def _lock(patient_id: UUID) -> Patient:
    query = sa.select(Patient).where(Patient.id == patient_id).with_for_update()
    patient = db.session.scalar(query.execution_options(populate_existing=True))
    if patient is None:
        raise NotFound
    return patient


def _text(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidValue(_l("Write the reason in a few sentences."), field="reason")
    return reason


def _record(actor: Actor, act: str, row: Erasure) -> None:
    record_change(
        actor,
        f"erasure.{act}",
        subject_type="erasure",
        subject_id=row.id,
        patient_id=row.patient_id,
        changes={"kind": row.kind.value},
    )
