"""Telling staff what happened, and noting what they have read. A notification is made from an event, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core import clock
from app.core.after_commit import after_commit
from app.core.db import db
from app.core.ids import new_id
from app.core.live import publish
from app.domain.appointments.models import Appointment
from app.domain.notices.models import Notification
from app.domain.paging import Page, offset_of
from app.tenancy.binding import bound_hospital

PER_PAGE = 30
MOST_COUNTED = 99
_TABLE = cast(sa.Table, Notification.__table__)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told to whom."""

    staff_id: UUID
    event_id: UUID
    kind: str
    subject_type: str
    subject_id: UUID


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """A notification in somebody's list; a visit's code and time stand beside it, nobody's name."""

    id: UUID
    kind: str
    subject_type: str
    subject_id: UUID
    created_at: datetime
    read_at: datetime | None
    visit_code: str | None
    visit_starts_at: datetime | None


def notify(notices: Iterable[Notice]) -> None:
    """Write notifications and have their people's open pages told; what was told before is not told again."""
    rows = [
        {
            "id": new_id(),
            "staff_id": notice.staff_id,
            "event_id": notice.event_id,
            "kind": notice.kind,
            "subject_type": notice.subject_type,
            "subject_id": notice.subject_id,
            "created_at": clock.now(),
        }
        for notice in notices
    ]
    if not rows:
        return
    written = insert(_TABLE).values(rows).on_conflict_do_nothing().returning(_TABLE.c.staff_id)
    told = set(db.session.scalars(written, bind_arguments={"mapper": Notification}))
    for staff_id in told:
        _tell(staff_id)


def count_unread(staff_id: UUID) -> int:
    """Return how many notifications somebody has not read, at most one more than is ever shown."""
    unread = (
        sa.select(Notification.id)
        .where(Notification.staff_id == staff_id, Notification.read_at.is_(None))
        .limit(MOST_COUNTED + 1)
        .subquery()
    )
    return db.session.scalar(sa.select(sa.func.count()).select_from(unread)) or 0


def list_notices(staff_id: UUID, page: int) -> Page[ShownNotice]:
    """Return a page of somebody's notifications, the newest first."""
    total = db.session.scalar(sa.select(sa.func.count()).where(Notification.staff_id == staff_id)) or 0
    query = (
        sa.select(
            Notification.id,
            Notification.kind,
            Notification.subject_type,
            Notification.subject_id,
            Notification.created_at,
            Notification.read_at,
            Appointment.code,
            Appointment.starts_at,
        )
        .outerjoin(
            Appointment,
            sa.and_(Notification.subject_type == "appointment", Appointment.id == Notification.subject_id),
        )
        .where(Notification.staff_id == staff_id)
        .order_by(Notification.created_at.desc(), Notification.id)
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    )
    return Page([ShownNotice(*row) for row in db.session.execute(query)], max(page, 1), PER_PAGE, total)


def read_notice(staff_id: UUID, notice_id: UUID) -> tuple[str, UUID] | None:
    """Note that somebody has read a notification of theirs; return what it was about, None where it is not theirs."""
    query = (
        sa.update(Notification)
        .where(Notification.id == notice_id, Notification.staff_id == staff_id)
        .values(read_at=sa.func.coalesce(Notification.read_at, clock.now()))
        .returning(Notification.subject_type, Notification.subject_id)
    )
    row = db.session.execute(query, execution_options={"synchronize_session": False}).one_or_none()
    if row is None:
        return None
    _tell(staff_id)
    return row.subject_type, row.subject_id


def read_all(staff_id: UUID) -> None:
    """Note that somebody has read every notification of theirs."""
    query = (
        sa.update(Notification)
        .where(Notification.staff_id == staff_id, Notification.read_at.is_(None))
        .values(read_at=clock.now())
    )
    db.session.execute(query, execution_options={"synchronize_session": False})
    _tell(staff_id)


def _tell(staff_id: UUID) -> None:
    code = bound_hospital().code
    after_commit(lambda: publish("notices", hospital=code, whom=staff_id))
