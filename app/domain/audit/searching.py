"""Searching a hospital's logs: by person, patient, act, period, request and address, over any number of rows.

Pages go on behind the last row that was shown, never by counting rows from the start; every condition has an index that
is ordered by time or is bounded by the period. Whoever reads the logs stands in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.ids import parse_id
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.audit.operations import record_log_access
from app.domain.identity.models import StaffUser
from app.domain.patients.models import Patient

PER_PAGE = 50
MOST_PEOPLE = 50


class Which(StrEnum):
    """The two logs."""

    CHANGES = "changes"
    LOOKS = "looks"


MODELS: dict[Which, Any] = {Which.CHANGES: AuditEntry, Which.LOOKS: AccessEntry}
Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; an empty text is no condition. The period has a beginning and an end, always."""

    which: Which
    since: datetime
    until: datetime
    person: str = ""
    patient: str = ""
    action: str = ""
    request_id: str = ""
    address: str = ""
    basis: str = ""
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows, newest first, and where the next page begins."""

    rows: Sequence[Any]
    next: Place | None = None
    codes: dict[UUID, str] = field(default_factory=dict)
    nobody: bool = False


def search_logs(actor: Actor, wanted: Wanted) -> Found:
    """Return a page of a log, and write down that it was read; four queries at most, and the row that is written."""
    conditions = find_conditions(wanted)
    if conditions is None:
        record_log_access(actor, "audit.search")
        return Found((), nobody=True)
    rows = db.session.execute(select_rows(wanted, conditions).limit(PER_PAGE + 1)).all()
    shown = rows[:PER_PAGE]
    last = (shown[-1].at, shown[-1].id) if len(rows) > PER_PAGE else None
    codes = _patient_codes(wanted.which, shown)
    record_log_access(actor, "audit.search", patient_ids=codes)
    return Found(shown, last, codes)


def find_conditions(wanted: Wanted) -> list[Any] | None:
    """Return what rows must fulfil, or None where a named person or patient does not exist."""
    model = MODELS[wanted.which]
    conditions: list[Any] = [model.at >= wanted.since, model.at < wanted.until]
    if wanted.person:
        people = _find_people(wanted.person)
        if not people:
            return None
        conditions.append(model.actor_id.in_(people))
    if wanted.patient:
        patient_id = _find_patient(wanted.patient)
        if patient_id is None:
            return None
        conditions.append(_about(model, patient_id))
    for column, value in (
        (model.action, wanted.action),
        (model.request_id, wanted.request_id),
        (model.address, wanted.address),
        (model.basis, wanted.basis),
    ):
        if value:
            conditions.append(column == value)
    return conditions


def select_rows(wanted: Wanted, conditions: Sequence[Any]) -> sa.Select[Any]:
    """Return the query for the rows behind the place where the last page ended.

    Looks at one patient are gathered before they are put in order: the planner, which cannot tell how often somebody
    stands in an array, would rather walk through the whole period.
    """
    model = MODELS[wanted.which]
    query = sa.select(*_columns(wanted.which)).where(*conditions)
    if wanted.after is not None:
        at, entry_id = wanted.after
        query = query.where(model.at <= at, sa.tuple_(model.at, model.id) < (at, entry_id))
    if wanted.which is Which.LOOKS and wanted.patient:
        gathered = query.cte("gathered").prefix_with("MATERIALIZED")
        return sa.select(*gathered.c).order_by(gathered.c.at.desc(), gathered.c.id.desc())
    return query.order_by(model.at.desc(), model.id.desc())


def list_actions(which: Which) -> list[str]:
    """Return the acts that stand in a log, skipping from one to the next in the index instead of reading every row."""
    model = MODELS[which]
    acts = sa.select(sa.func.min(model.action).label("action")).cte("acts", recursive=True)
    following = sa.select(sa.func.min(model.action)).where(model.action > acts.c.action).scalar_subquery()
    acts = acts.union_all(sa.select(following).where(acts.c.action.is_not(None)))
    query = sa.select(acts.c.action).where(acts.c.action.is_not(None))
    return sorted(db.session.scalars(query, bind_arguments={"mapper": model}))


def _columns(which: Which) -> tuple[Any, ...]:
    model = MODELS[which]
    own = (AuditEntry.patient_id, AuditEntry.changes) if which is Which.CHANGES else (AccessEntry.patient_ids,)
    return (
        model.at, model.id, model.actor_kind, model.actor_id, model.actor_name, model.action, model.subject_type,
        model.subject_id, model.address, model.request_id, model.basis, model.grant_id, model.recorded_at, *own,
    )  # fmt: skip


def _about(model: Any, patient_id: UUID) -> Any:
    if model is AccessEntry:
        return AccessEntry.patient_ids.contains([patient_id])
    return AuditEntry.patient_id == patient_id


def _find_people(text: str) -> list[UUID]:
    """Return who is meant: a username, or parts of a name."""
    named = sa.or_(StaffUser.username == text, StaffUser.full_name.icontains(text, autoescape=True))
    return list(db.session.scalars(sa.select(StaffUser.id).where(named).limit(MOST_PEOPLE)))


def _find_patient(text: str) -> UUID | None:
    """Return the patient with a code; an id is taken as it is, so that entries of erased patients are found too."""
    if (patient_id := parse_id(text)) is not None:
        return patient_id
    found: UUID | None = db.session.scalar(sa.select(Patient.id).where(Patient.code == text.upper()))
    return found


def _patient_codes(which: Which, rows: Sequence[Any]) -> dict[UUID, str]:
    """Return the codes of the patients whom rows are about; of lists with many patients only how many is shown."""
    if which is Which.CHANGES:
        ids = {row.patient_id for row in rows if row.patient_id}
    else:
        ids = {row.patient_ids[0] for row in rows if len(row.patient_ids) == 1}
    if not ids:
        return {}
    found = db.session.execute(sa.select(Patient.id, Patient.code).where(Patient.id.in_(ids)))
    return {row.id: row.code for row in found}
