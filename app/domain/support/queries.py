"""What a hospital sees of support access: who asked, who came, what was looked at; and what it tells the centre."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.db import db
from app.core.errors import NotFound
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.identity.models import StaffUser
from app.domain.support.models import SupportGrant, SupportSession
from app.tenancy.support import Answer

MOST_SHOWN = 100
MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class Looked:
    """A page that an operator was shown, with how many patients' data."""

    at: datetime
    path: str
    patients: int


def list_grants() -> Sequence[sa.Row[SupportGrant, str]]:
    """Return requests with the name of who answered, the newest first."""
    query = (
        sa.select(SupportGrant, StaffUser.full_name)
        .outerjoin(StaffUser, StaffUser.id == SupportGrant.decided_by)
        .order_by(SupportGrant.asked_at.desc())
        .limit(MOST_SHOWN)
    )
    return db.session.execute(query).all()


def get_grant(grant_id: UUID) -> tuple[SupportGrant, str | None]:
    """Return a request with the name of who answered; raises NotFound."""
    query = sa.select(SupportGrant, StaffUser.full_name).outerjoin(StaffUser, StaffUser.id == SupportGrant.decided_by)
    row = db.session.execute(query.where(SupportGrant.id == grant_id)).one_or_none()
    if row is None:
        raise NotFound
    return row[0], row[1]


def list_visits(grant_id: UUID) -> Sequence[SupportSession]:
    """Return when the operator was inside by a grant, the latest first."""
    query = (
        sa.select(SupportSession)
        .where(SupportSession.grant_id == grant_id, SupportSession.proven_at.is_not(None))
        .order_by(SupportSession.created_at.desc())
        .limit(MOST_SHOWN)
    )
    return db.session.scalars(query).all()


def list_looked(grant_id: UUID) -> list[Looked]:
    """Return the pages that the operator was shown by a grant, the latest first."""
    patients = (
        sa.select(sa.func.coalesce(sa.func.sum(sa.func.cardinality(AccessEntry.patient_ids)), 0))
        .where(AccessEntry.request_id == AuditEntry.request_id, AccessEntry.grant_id == AuditEntry.grant_id)
        .correlate(AuditEntry)
        .scalar_subquery()
    )
    query: sa.Select[Any] = (
        sa.select(AuditEntry.at, AuditEntry.changes["path"].astext, patients)
        .where(AuditEntry.subject_id == grant_id, AuditEntry.action == "support.view")
        .order_by(AuditEntry.at.desc())
        .limit(MOST_PAGES)
    )
    return [Looked(row[0], row[1] or "", int(row[2])) for row in db.session.execute(query)]


def read_answers(grant_ids: Collection[UUID]) -> list[Answer]:
    """Return what the centre is told of these requests, as they are now."""
    if not grant_ids:
        return []
    query = sa.select(
        SupportGrant.id,
        SupportGrant.state,
        SupportGrant.decided_at,
        SupportGrant.expires_at,
        SupportGrant.permissions,
        SupportGrant.ended_at,
    ).where(SupportGrant.id.in_(grant_ids))
    return [Answer(*row) for row in db.session.execute(query)]
