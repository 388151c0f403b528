"""Performing approved erasures, and repeating them in what comes back from a backup.

The database clears the rows in one transaction, with the outbox event that takes the patient out of the central index;
files are destroyed afterwards by their digests, which stand in the statement until they are gone. Whoever dies
in between leaves a row that says what is left to do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.actor import Actor, system_actor
from app.core.db import db
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import OutboxEvent
from app.domain.audit.operations import record_change
from app.domain.files.keeping import destroy_content
from app.domain.files.models import File, FileLink
from app.domain.patients.models import Patient, PatientMerge
from app.domain.privacy.holdings import HOLDINGS, OnErasure
from app.domain.privacy.models import Erasure, ErasureKind, ErasureState
from app.domain.privacy.overview import find_kept_until
from app.tenancy.index import Erased, list_erased
from app.tenancy.restores.hooks import Restored

log = get_logger(__name__)

EVENT = "patient.erase"
PERFORMER = "erasures"
FILES = "files_to_destroy"
REFUSALS = {"VI004": "a legal hold was placed meanwhile", "VI005": "records must be kept again"}
TO_THE_HOSPITAL: dict[str, Any] = {"mapper": Erasure}


def have_erasures_due() -> bool:
    """Where an erasure is approved and not performed, or its files are still there."""
    due = sa.select(Erasure.id).where(sa.or_(Erasure.state == ErasureState.APPROVED, _has_files()))
    return bool(db.session.scalar(sa.select(due.exists())))


def perform_due_erasures() -> int:
    """Perform every approved erasure, each in a unit of its own, and destroy the files; return how many were done."""
    with unit_of_work() as session:
        waiting = session.scalars(sa.select(Erasure.id).where(Erasure.state == ErasureState.APPROVED)).all()
    done = sum(_perform_one(erasure_id) for erasure_id in waiting)
    with unit_of_work() as session:
        left = session.scalars(sa.select(Erasure.id).where(_has_files())).all()
    for erasure_id in left:
        _destroy_files(erasure_id)
    return done


def _perform_one(erasure_id: UUID) -> bool:
    """Perform one; what stands in its way now refuses it. False where another worker was faster."""
    try:
        with unit_of_work() as session:
            patient_id = session.scalar(sa.select(Erasure.patient_id).where(Erasure.id == erasure_id))
            session.execute(sa.select(Patient.id).where(Patient.id == patient_id).with_for_update())
            row = session.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
            if row.state is not ErasureState.APPROVED:
                return False
            perform(system_actor(PERFORMER), row)
    except DBAPIError as error:
        reason = REFUSALS.get(getattr(error.orig, "sqlstate", None) or "")
        if reason is None:
            raise
        with unit_of_work() as session:
            row = session.get_one(Erasure, erasure_id, with_for_update=True)
            row.state, row.statement = ErasureState.REFUSED, {"refused": reason}
        log.warning("erasure refused", erasure=str(erasure_id), reason=reason)
        return False
    return True


def perform(actor: Actor | None, row: Erasure) -> None:
    """Clear a patient's rows as approved; without an actor nothing is bound, and only the event is written."""
    registrations = [row.patient_id, *_list_joined(row.patient_id)]
    digests, kept = _list_digests(registrations), _list_kept(row)
    db.session.flush()
    done = db.session.scalar(sa.select(sa.func.vien_erase_patient(row.id)), bind_arguments=TO_THE_HOSPITAL)
    row.state, row.performed_at = ErasureState.PERFORMED, clock.now()
    row.statement = {"cleared": done, "kept": kept, FILES: digests}
    db.session.flush()
    db.session.expire_all()
    for patient_id in registrations:
        _tell(actor, row, patient_id)


def _tell(actor: Actor | None, row: Erasure, patient_id: UUID) -> None:
    """Write down that a registration was cleared, and take it out of the centre's index."""
    event = {"patient_id": str(patient_id), "kind": row.kind.value}
    if actor is not None:
        record_change(
            actor, EVENT, subject_type="patient", subject_id=patient_id, patient_id=patient_id,
            changes={"kind": row.kind.value, "erasure": str(row.id)}, event=event,
        )  # fmt: skip
        return
    values = {"id": new_id(), "kind": EVENT, "subject_type": "patient", "subject_id": patient_id}
    db.session.execute(sa.insert(OutboxEvent).values(**values, payload=event, created_at=clock.now()))


def read_erasures() -> list[Erased]:
    """Return who is erased in this database; nothing where it is of a time before there was such a thing."""
    if not db.session.scalar(sa.select(sa.func.to_regclass("erasures")), bind_arguments=TO_THE_HOSPITAL):
        return []
    query = sa.select(Erasure.patient_id, Erasure.kind, Erasure.performed_at)
    rows = db.session.execute(query.where(Erasure.state == ErasureState.PERFORMED)).all()
    return [Erased(row.patient_id, row.kind.value, row.performed_at) for row in rows]


def erase_again(erased: list[Erased]) -> dict[str, int]:
    """Erase in a restored database whom the replaced one had erased; harmless twice."""
    count = 0
    for one in erased:
        again = _reapply(one)
        count += again
    return {"patients_erased_again": count}


def erase_what_the_centre_remembers(restored: Restored) -> dict[str, int]:
    """Erase in a restored database whom the centre remembers as erased, also where the old database is gone."""
    return {"patients_erased_from_memory": erase_again(list_erased(restored.hospital_id))["patients_erased_again"]}


def _reapply(one: Erased) -> bool:
    patient = db.session.get(Patient, one.patient_id, with_for_update=True)
    kind = ErasureKind(one.kind)
    if patient is None or (patient.erased_at is not None and not _goes_further(one.patient_id, kind)):
        return False
    standing = sa.select(Erasure).where(
        Erasure.patient_id == one.patient_id, Erasure.state.in_((ErasureState.PROPOSED, ErasureState.APPROVED))
    )
    for open_one in db.session.scalars(standing):
        open_one.state = ErasureState.REFUSED
        open_one.statement = {"refused": "restored from a backup of before it was performed"}
    db.session.flush()
    row = Erasure(
        patient_id=one.patient_id, kind=kind, state=ErasureState.APPROVED, reason="restored from a backup",
        proposed_by_name=PERFORMER, proposed_at=one.erased_at, reapplied_at=clock.now(),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    perform(None, row)
    return True


def _goes_further(patient_id: UUID, kind: ErasureKind) -> bool:
    """Tell whether all was erased of somebody who in this database is only de-identified."""
    if kind is not ErasureKind.ERASE:
        return False
    query = sa.select(Erasure.id).where(
        Erasure.patient_id == patient_id,
        Erasure.kind == ErasureKind.ERASE,
        Erasure.state == ErasureState.PERFORMED,
    )
    return db.session.scalar(query) is None


def _list_joined(patient_id: UUID) -> list[UUID]:
    """Return the registrations that lead to a patient: the database clears them with the one that they lead to."""
    query = sa.select(PatientMerge.patient_id).where(PatientMerge.into_id == patient_id)
    return list(db.session.scalars(query.order_by(PatientMerge.patient_id)))


def _list_digests(registrations: list[UUID]) -> list[str]:
    query = sa.select(File.sha256).join(FileLink, FileLink.file_id == File.id)
    query = query.where(FileLink.patient_id.in_(registrations))
    return sorted(set(db.session.scalars(query)))


def _list_kept(row: Erasure) -> list[dict[str, Any]]:
    """Return what stays, of how many rows, and until when or why."""
    until: datetime | None = None if row.kind is ErasureKind.ERASE else find_kept_until(row.patient_id)
    kept, tables = [], db.metadatas["hospital"].tables
    for holding in HOLDINGS:
        stays = holding.on_erasure is OnErasure.WITH_RECORDS and row.kind is ErasureKind.DEIDENTIFY
        if not stays or holding.table not in tables:
            continue
        condition = sa.text(holding.of).bindparams(sa.bindparam("who", row.patient_id, type_=sa.Uuid()))
        counted = sa.select(sa.func.count()).select_from(tables[holding.table]).where(condition)
        count = db.session.scalar(counted, bind_arguments=TO_THE_HOSPITAL) or 0
        if count:
            kept.append({"what": holding.table, "rows": count, "until": until.isoformat() if until else None})
    return kept


def _has_files() -> sa.ColumnElement[bool]:
    return sa.and_(Erasure.state == ErasureState.PERFORMED, sa.func.jsonb_array_length(Erasure.statement[FILES]) > 0)


def _destroy_files(erasure_id: UUID) -> None:
    """Destroy content that no other file has; a second try finds it gone."""
    with unit_of_work() as session:
        row = session.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
        for digest in row.statement.get(FILES, []):
            destroy_content(digest)
        row.statement = {**row.statement, FILES: [], "files_destroyed": len(row.statement.get(FILES, []))}
