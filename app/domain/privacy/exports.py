"""A copy of one's own data: asked for, made by a worker, fetched while it stands, destroyed after some days.

Who dies while making one leaves a row whose claim ends; the next try begins anew and leaves no second file. (Law
91/2025/QH15, article 4: to see one's data and have it provided.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.blobs import file_store
from app.core.db import db
from app.core.errors import Conflict, NotFound
from app.core.i18n import _l
from app.core.logging import get_logger
from app.core.queue import enqueue
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_access, record_change
from app.domain.files.models import File, FileLink
from app.domain.patients.models import Patient
from app.domain.privacy.models import OwnExport
from app.domain.privacy.packing import pack
from app.domain.security.events import record_security_event
from app.tenancy.binding import bound_hospital

log = get_logger(__name__)

JOB = "make_own_exports"
KEPT_FOR = timedelta(days=7)
CLAIM = timedelta(minutes=10)
ATTEMPTS = 5
MEDIA_TYPE = "application/zip"
LINKED_AS = "own_export"


class ExportGone(Conflict):
    title = _l("This copy is not there any more")
    default_message = _l("A copy is destroyed after some days. Ask for a new one.")


def ask_for_export(actor: Actor, patient_id: UUID, request_id: UUID | None = None) -> OwnExport:
    """Ask for a copy of a patient's data; while one is being made, that one. Raises NotFound."""
    if db.session.scalar(sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))) is None:
        raise NotFound
    row = OwnExport(
        patient_id=patient_id, request_id=request_id, asked_by_kind=actor.kind.value, asked_by=actor.id,
        next_attempt_at=clock.now(),
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        query = sa.select(OwnExport).where(OwnExport.patient_id == patient_id, _is_open())
        return db.session.scalars(query).one()
    record_change(actor, "own_export.ask", subject_type="own_export", subject_id=row.id, patient_id=patient_id)
    code = bound_hospital().code
    after_commit(lambda: enqueue(JOB, hospital=code))
    return row


def find_newest_export(patient_id: UUID) -> OwnExport | None:
    """Return the copy that a patient asked for last, also one that ended."""
    query = sa.select(OwnExport).where(OwnExport.patient_id == patient_id).order_by(OwnExport.asked_at.desc()).limit(1)
    return db.session.scalar(query)


def fetch_export(actor: Actor, patient_id: UUID, export_id: UUID) -> tuple[str, Iterator[bytes]]:
    """Return name and content of a copy of this patient's data, and write down that it was fetched.

    Raises NotFound for another's, ExportGone for one that ended or is not made yet.
    """
    query = sa.select(OwnExport).where(OwnExport.id == export_id, OwnExport.patient_id == patient_id)
    row = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    if not row.is_ready or row.file_id is None:
        raise ExportGone
    file = db.session.get_one(File, row.file_id)
    row.fetched_at = row.fetched_at or clock.now()
    record_access(actor, "own_export.fetch", subject_type="own_export", subject_id=row.id, patient_ids=[patient_id])
    record_change(actor, "own_export.fetch", subject_type="own_export", subject_id=row.id, patient_id=patient_id)
    record_security_event(
        actor, "export.own_data", subject_type="patient", subject_id=patient_id, details={"export": str(row.id)}
    )
    return file.name, file_store().read(bound_hospital().id, file.sha256)


def have_exports_due() -> bool:
    """Where a copy of a patient's data is to be made, or one has stood its time."""
    due = sa.or_(sa.and_(_is_open(), OwnExport.next_attempt_at <= clock.now()), _is_over())
    return bool(db.session.scalar(sa.select(sa.select(OwnExport.id).where(due).exists())))


def make_due_exports() -> int:
    """Make every copy that is due, each in units of its own; return how many were tried."""
    tried = 0
    while (export_id := _claim()) is not None:
        tried += 1
        _make(export_id)
    return tried


def end_old_exports() -> int:
    """Destroy the files of copies that have stood their time or whose patient was erased; return how many."""
    with unit_of_work() as session:
        over = session.scalars(sa.select(OwnExport.id).where(_is_over()).limit(200)).all()
    for export_id in over:
        with unit_of_work() as session:
            row = session.get_one(OwnExport, export_id, with_for_update=True)
            _destroy_file(row)
            row.ended_at = row.ended_at or clock.now()
    return len(over)


def _is_open() -> sa.ColumnElement[bool]:
    return sa.and_(OwnExport.made_at.is_(None), OwnExport.ended_at.is_(None))


def _is_over() -> sa.ColumnElement[bool]:
    """Past its time, or ended with a file that is still there."""
    return sa.or_(
        sa.and_(OwnExport.ended_at.is_(None), OwnExport.expires_at <= clock.now()),
        sa.and_(OwnExport.ended_at.is_not(None), OwnExport.file_id.is_not(None)),
    )


def _claim() -> UUID | None:
    with unit_of_work() as session:
        query = sa.select(OwnExport).where(_is_open(), OwnExport.next_attempt_at <= clock.now())
        row = session.scalar(query.order_by(OwnExport.asked_at).limit(1).with_for_update(skip_locked=True))
        if row is None:
            return None
        row.attempts += 1
        row.next_attempt_at = clock.now() + CLAIM
        if row.attempts > ATTEMPTS:
            row.ended_at, row.error = clock.now(), "given up"
            log.error("copy of a patient's data given up", export=str(row.id))
        return row.id


def _make(export_id: UUID) -> None:
    hospital_id = bound_hospital().id
    with unit_of_work() as session:
        row = session.get_one(OwnExport, export_id, with_for_update=True)
        if row.made_at is not None or row.ended_at is not None:
            return
        _destroy_file(row)  # of a try that ended half-way
        packed = pack(row.patient_id, row.id, asked_at=row.asked_at)
        digest = hashlib.sha256(packed.content).hexdigest()
        file = File(sha256=digest, size_bytes=len(packed.content), media_type=MEDIA_TYPE, name=packed.name)
        session.add(file)
        session.flush()
        session.add(FileLink(file_id=file.id, subject_type=LINKED_AS, subject_id=row.id, patient_id=row.patient_id))
        row.file_id = file.id
    file_store().put(hospital_id, [packed.content])
    with unit_of_work() as session:
        row = session.get_one(OwnExport, export_id, with_for_update=True)
        if row.ended_at is not None:
            return  # erased meanwhile; the file is destroyed with the next round
        row.made_at, row.expires_at, row.counts = clock.now(), clock.now() + KEPT_FOR, packed.counts


def _destroy_file(row: OwnExport) -> None:
    """Destroy the content first: a death in between leaves a row that says so, and no content that no row knows."""
    if row.file_id is None:
        return
    file = db.session.get_one(File, row.file_id)
    file_store().delete(bound_hospital().id, file.sha256)
    file.deleted_at, file.destroyed_at, row.file_id = file.deleted_at or clock.now(), clock.now(), None
