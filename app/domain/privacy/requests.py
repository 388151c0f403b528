"""Patients' requests about their data: asked, taken, extended once, answered or refused; the overdue reported once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Setting
from app.domain.paging import Page, offset_of
from app.domain.patients.models import Patient
from app.domain.privacy.deadlines import EXTENSION_DAYS, due_at, reply_by
from app.domain.privacy.models import DataRequest, RequestKind, RequestState, RequestVia
from app.domain.security.events import record_security_event
from app.tenancy.binding import bound_hospital

SETTING = "data_requests"
OPEN = (RequestState.RECEIVED, RequestState.IN_PROGRESS)
PER_PAGE = 25
LONGEST_TEXT = 4000
MOST_OPEN = 10
REPORTED_AT_ONCE = 100


class TooManyOpen(Conflict):
    default_message = _l("You have several open requests already. Please wait until one of them is answered.")


class RequestClosed(Conflict):
    default_message = _l("This request is closed already.")


class ExtendedAlready(Conflict):
    default_message = _l("The time of a request can be extended only once.")


def ask(actor: Actor, patient_id: UUID, kind: RequestKind, wish: str, via: RequestVia) -> DataRequest:
    """Write down a request, and start its clock; the same kind asked twice is the one that is open already.

    Raises NotFound, InvalidValue or TooManyOpen.
    """
    wish = wish.strip()
    if len(wish) > LONGEST_TEXT:
        raise InvalidValue(_l("This text is too long."), field="wish")
    lock = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"data request:{patient_id}", 0)))
    db.session.execute(lock, bind_arguments={"mapper": sa.inspect(DataRequest)})
    if db.session.scalar(sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))) is None:
        raise NotFound
    standing = db.session.scalars(
        sa.select(DataRequest).where(DataRequest.patient_id == patient_id, DataRequest.state.in_(OPEN))
    ).all()
    for one in standing:
        if (one.kind, one.wish) == (kind, wish):
            return one
    if len(standing) >= MOST_OPEN:
        raise TooManyOpen
    now = clock.now()
    row = DataRequest(
        patient_id=patient_id,
        kind=kind,
        via=via,
        wish=wish,
        received_at=now,
        reply_by=reply_by(now, ZoneInfo(bound_hospital().timezone)),
        due_at=due_at(kind, now, read_deadlines()),
        created_by=actor.id,
        updated_by=actor.id,
    )
    db.session.add(row)
    db.session.flush()
    db.session.refresh(row, ["code", "version"])
    _record(actor, "ask", row, {"kind": kind.value, "via": via.value})
    return row


def read_deadlines() -> dict[str, Any] | None:
    """Return what the hospital has set for itself, in days by kind."""
    return db.session.scalar(sa.select(Setting.value).where(Setting.key == SETTING))


def list_own(actor: Actor, patient_id: UUID, limit: int = 50) -> Sequence[DataRequest]:
    """Return a patient's own requests, the newest first."""
    query = sa.select(DataRequest).where(DataRequest.patient_id == patient_id)
    record_access(actor, "own.requests", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return db.session.scalars(query.order_by(DataRequest.received_at.desc()).limit(limit)).all()


def get_own(actor: Actor, patient_id: UUID, request_id: UUID) -> DataRequest:
    """Return one of a patient's own requests; raises NotFound."""
    query = sa.select(DataRequest).where(DataRequest.id == request_id, DataRequest.patient_id == patient_id)
    row = db.session.scalar(query)
    if row is None:
        raise NotFound
    record_access(actor, "own.requests", subject_type="data_request", subject_id=row.id, patient_ids=[patient_id])
    return row


def withdraw(actor: Actor, patient_id: UUID, request_id: UUID) -> None:
    """Take back one's own request; again changes nothing. Raises NotFound, RequestClosed."""
    row = _hold(request_id, None, patient_id=patient_id)
    if row.state is RequestState.WITHDRAWN:
        return
    if row.state not in OPEN:
        raise RequestClosed
    row.state, row.answered_at, row.updated_by = RequestState.WITHDRAWN, clock.now(), actor.id
    db.session.flush()
    _record(actor, "withdraw", row, {})


def list_requests(actor: Actor, *, closed: bool = False, page: int = 1) -> Page[Any]:
    """Return requests: open ones by what is due first, so the overdue at the top; closed ones newest first."""
    wanted = DataRequest.state.not_in(OPEN) if closed else DataRequest.state.in_(OPEN)
    total = db.session.scalar(sa.select(sa.func.count()).select_from(DataRequest).where(wanted)) or 0
    order = (DataRequest.answered_at.desc(),) if closed else (DataRequest.due_at, DataRequest.id)
    query = (
        sa.select(
            DataRequest.id,
            DataRequest.code,
            DataRequest.kind,
            DataRequest.state,
            DataRequest.received_at,
            DataRequest.reply_by,
            DataRequest.due_at,
            DataRequest.taken_at,
            DataRequest.answered_at,
            DataRequest.patient_id,
            Patient.full_name.label("patient_name"),
            Patient.code.label("patient_code"),
            StaffUser.full_name.label("handler_name"),
        )
        .join(Patient, Patient.id == DataRequest.patient_id)
        .outerjoin(StaffUser, StaffUser.id == DataRequest.handler_id)
        .where(wanted)
        .order_by(*order)
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    )
    rows = db.session.execute(query).all()
    seen = [row.patient_id for row in rows]
    record_access(actor, "data_request.list", subject_type="data_request", subject_id=None, patient_ids=seen)
    return Page(rows, max(page, 1), PER_PAGE, total)


def open_request(actor: Actor, request_id: UUID) -> tuple[DataRequest, Patient, str | None]:
    """Return a request, whose it is, and who handles it; raises NotFound. Who looked is written down."""
    query = (
        sa.select(DataRequest, Patient, StaffUser.full_name)
        .join(Patient, Patient.id == DataRequest.patient_id)
        .outerjoin(StaffUser, StaffUser.id == DataRequest.handler_id)
        .where(DataRequest.id == request_id)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise NotFound
    record_access(
        actor, "data_request.view", subject_type="data_request", subject_id=request_id, patient_ids=[row[1].id]
    )
    return row[0], row[1], row[2]


def take(actor: Actor, request_id: UUID, version: int) -> None:
    """Become the one who handles a request; raises NotFound, StaleVersion, RequestClosed."""
    row = _hold(request_id, version)
    if row.state not in OPEN:
        raise RequestClosed
    row.handler_id, row.taken_at, row.state = actor.id, row.taken_at or clock.now(), RequestState.IN_PROGRESS
    row.updated_by = actor.id
    db.session.flush()
    _record(actor, "take", row, {"handler_id": str(actor.id)})


def extend(actor: Actor, request_id: UUID, version: int, reason: str) -> None:
    """Give a request more time, once, for a reason that the patient reads; raises as `take`, or ExtendedAlready."""
    row = _hold(request_id, version)
    if row.state not in OPEN:
        raise RequestClosed
    if row.extended_at is not None:
        raise ExtendedAlready
    row.extension_reason = _text(reason, "extension_reason")
    row.extended_at, row.due_at = clock.now(), row.due_at + timedelta(days=EXTENSION_DAYS[row.kind])
    row.reminded_at, row.updated_by = None, actor.id
    db.session.flush()
    _record(actor, "extend", row, {"due_at": row.due_at.isoformat()})


def close(actor: Actor, request_id: UUID, version: int, text: str, *, refused: bool = False) -> None:
    """Answer a request, or refuse it with reasons; raises as `take`, or InvalidValue for no answer."""
    row = _hold(request_id, version)
    if row.state not in OPEN:
        raise RequestClosed
    row.answer = _text(text, "answer")
    row.state = RequestState.REFUSED if refused else RequestState.ANSWERED
    row.answered_at, row.handler_id, row.updated_by = clock.now(), row.handler_id or actor.id, actor.id
    row.taken_at = row.taken_at or row.answered_at
    db.session.flush()
    _record(actor, "refuse" if refused else "answer", row, {"late": row.answered_at > row.due_at})


def have_overdue() -> bool:
    """Where a request about personal data is overdue and nobody was told."""
    return bool(db.session.scalar(sa.select(sa.select(DataRequest.id).where(_is_overdue_untold()).exists())))


def report_overdue(actor: Actor) -> int:
    """Raise a security event for each request that is overdue, once; return how many."""
    query = sa.select(DataRequest).where(_is_overdue_untold()).order_by(DataRequest.due_at).limit(REPORTED_AT_ONCE)
    rows = db.session.scalars(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        row.reminded_at = clock.now()
        record_security_event(
            actor,
            "request.overdue",
            subject_type="data_request",
            subject_id=row.id,
            details={"kind": row.kind.value, "code": row.code},
        )
    return len(rows)


def count_overdue() -> int:
    """Return how many open requests are past their time."""
    late = sa.and_(DataRequest.state.in_(OPEN), DataRequest.due_at < clock.now())
    return db.session.scalar(sa.select(sa.func.count()).select_from(DataRequest).where(late)) or 0


def _is_overdue_untold() -> sa.ColumnElement[bool]:
    return sa.and_(DataRequest.state.in_(OPEN), DataRequest.due_at < clock.now(), DataRequest.reminded_at.is_(None))


def _hold(request_id: UUID, version: int | None, *, patient_id: UUID | None = None) -> DataRequest:
    query = sa.select(DataRequest).where(DataRequest.id == request_id)
    if patient_id is not None:
        query = query.where(DataRequest.patient_id == patient_id)
    row = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    if version is not None and row.version != version:
        raise StaleVersion
    return row


def _text(text: str, field: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT:
        raise InvalidValue(_l("Write in a few sentences what the patient is to know."), field=field)
    return text


def _record(actor: Actor, act: str, row: DataRequest, changes: dict[str, Any]) -> None:
    record_change(
        actor,
        f"data_request.{act}",
        subject_type="data_request",
        subject_id=row.id,
        patient_id=row.patient_id,
        changes=changes,
    )
