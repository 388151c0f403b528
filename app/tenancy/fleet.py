"""The fleet as one list: every hospital with its newest health check and sync run, the worst first."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.formats.names import search_key
from app.tenancy.backups.policies import DEFAULT_POLICY
from app.tenancy.health import SERVICE
from app.tenancy.models import (
    Backup,
    BackupPolicy,
    BackupState,
    HealthCheck,
    HealthStatus,
    Hospital,
    HospitalStatus,
    Operation,
    OperationState,
    RestoreRun,
    RestoreState,
    RunStatus,
    SyncRun,
)
from app.tenancy.paging import Page
from app.tenancy.provisioning import CREATE
from app.tenancy.schema import head_revision

STALE_AFTER = timedelta(minutes=15)
PER_PAGE = 25


class Condition(enum.StrEnum):
    """What an operator makes of a hospital, from the worst to the best."""

    DOWN = "down"
    STUCK = "stuck"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    SYNC_FAILED = "sync_failed"
    UNPROVEN = "unproven"
    BEHIND = "behind"
    PROVISIONING = "provisioning"
    UP = "up"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"
    DELETED = "deleted"


OVER = (Condition.ARCHIVED.value, Condition.DELETED.value)
TROUBLE = (
    Condition.DOWN,
    Condition.STUCK,
    Condition.UNKNOWN,
    Condition.DEGRADED,
    Condition.SYNC_FAILED,
    Condition.UNPROVEN,
)


@dataclass(frozen=True, slots=True)
class FleetTotals:
    """Figures over all hospitals: how many in which condition, and the sums of the last sync's counts."""

    by_condition: dict[Condition, int]
    patients: int
    appointments: int
    size_bytes: int

    @property
    def hospitals(self) -> int:
        return sum(self.by_condition.values())

    @property
    def in_trouble(self) -> int:
        return sum(self.by_condition.get(condition, 0) for condition in TROUBLE)

    def count(self, condition: str) -> int:
        """Return how many hospitals are in a condition."""
        return self.by_condition.get(Condition(condition), 0)


def newest_revision() -> str:
    """Return the revision that hospitals' databases should be at."""
    return head_revision("hospital")


def list_fleet(*, search: str = "", conditions: tuple[Condition, ...] = (), page: int = 1) -> Page[Any]:
    """Return a page of hospitals, the worst first, found by code or name and narrowed to conditions."""
    fleet = _fleet()
    narrowed = sa.select(fleet).where(*_conditions(fleet, search, conditions))
    total = db.session.scalar(sa.select(sa.func.count()).select_from(narrowed.subquery())) or 0
    page = min(page, max(1, -(-total // PER_PAGE)))
    ranked = narrowed.order_by(_rank(fleet.c.condition), sa.func.lower(fleet.c.display_name), fleet.c.code)
    rows = db.session.execute(ranked.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page(rows, page, PER_PAGE, total)


def list_all() -> Sequence[Any]:
    """Return every hospital, the worst first, for those who print them all."""
    fleet = _fleet()
    return db.session.execute(sa.select(fleet).order_by(_rank(fleet.c.condition), fleet.c.code)).all()


def fleet_totals() -> FleetTotals:
    """Return the figures over all hospitals that are neither archived nor deleted."""
    fleet = _fleet()
    query = (
        sa.select(
            fleet.c.condition,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(fleet.c.patients), 0),
            sa.func.coalesce(sa.func.sum(fleet.c.appointments), 0),
            sa.func.coalesce(sa.func.sum(fleet.c.size_bytes), 0),
        )
        .where(fleet.c.condition.not_in(OVER))
        .group_by(fleet.c.condition)
    )
    rows = db.session.execute(query).all()
    return FleetTotals(
        by_condition={Condition(row[0]): row[1] for row in rows},
        patients=sum(int(row[2]) for row in rows),
        appointments=sum(int(row[3]) for row in rows),
        size_bytes=sum(int(row[4]) for row in rows),
    )


def _fleet() -> sa.Subquery:
    health, run, counted, stuck = _newest_check(), _newest_run(), _newest_counts(), _stopped_making()
    kept, drill = _backups(), _newest_drill()
    revision = sa.func.coalesce(health.c.revision, Hospital.schema_revision)
    return (
        sa.select(
            Hospital.id,
            Hospital.code,
            Hospital.name,
            Hospital.display_name,
            Hospital.status,
            Hospital.is_demo,
            revision.label("revision"),
            health.c.status.label("health"),
            health.c.response_ms,
            health.c.checked_at,
            health.c.size_bytes,
            health.c.reason,
            run.c.status.label("sync_status"),
            run.c.started_at.label("sync_started_at"),
            counted.c.finished_at.label("synced_at"),
            counted.c.patients,
            counted.c.appointments,
            kept.c.backed_up_at,
            kept.c.proven_at,
            drill.c.state.label("drill_state"),
            _condition(health, run, stuck, _is_unproven(kept, drill), revision).label("condition"),
        )
        .select_from(Hospital)
        .outerjoin(health, sa.true())
        .outerjoin(run, sa.true())
        .outerjoin(counted, sa.true())
        .outerjoin(stuck, sa.true())
        .outerjoin(kept, sa.true())
        .outerjoin(drill, sa.true())
        .outerjoin(BackupPolicy, BackupPolicy.hospital_id == Hospital.id)
        .subquery("fleet")
    )


def _condition(health: Any, run: Any, stuck: Any, unproven: Any, revision: sa.ColumnElement[str]) -> sa.Case[str]:
    oldest = clock.now() - STALE_AFTER
    return sa.case(
        (Hospital.status == HospitalStatus.ARCHIVED, Condition.ARCHIVED.value),
        (Hospital.status == HospitalStatus.DELETED, Condition.DELETED.value),
        (
            Hospital.status == HospitalStatus.PROVISIONING,
            sa.case((stuck.c.id.is_not(None), Condition.STUCK.value), else_=Condition.PROVISIONING.value),
        ),
        (health.c.status == HealthStatus.DOWN, Condition.DOWN.value),
        (Hospital.status == HospitalStatus.SUSPENDED, Condition.SUSPENDED.value),
        (sa.or_(health.c.checked_at.is_(None), health.c.checked_at < oldest), Condition.UNKNOWN.value),
        (health.c.status == HealthStatus.DEGRADED, Condition.DEGRADED.value),
        (run.c.status == RunStatus.FAILED, Condition.SYNC_FAILED.value),
        (unproven, Condition.UNPROVEN.value),
        (revision != newest_revision(), Condition.BEHIND.value),
        else_=Condition.UP.value,
    )


def _is_unproven(kept: Any, drill: Any) -> sa.ColumnElement[bool]:
    """Tell whether the last drill failed or none succeeded for two intervals; a new hospital has as long."""
    days = sa.func.coalesce(BackupPolicy.drill_every_days, DEFAULT_POLICY.drill_every_days)
    oldest = sa.func.now() - sa.func.make_interval(0, 0, 0, 2 * days)
    proven = sa.func.coalesce(kept.c.proven_at, Hospital.created_at)
    return sa.or_(drill.c.state == RestoreState.FAILED, proven < oldest)


def _newest_drill() -> sa.FromClause:
    return (
        sa.select(RestoreRun.state)
        .where(RestoreRun.hospital_id == Hospital.id, RestoreRun.kind == "drill")
        .order_by(RestoreRun.started_at.desc())
        .limit(1)
        .lateral("drill")
    )


def _backups() -> sa.FromClause:
    complete = Backup.state == BackupState.COMPLETE
    return (
        sa.select(
            sa.func.max(Backup.started_at).filter(complete).label("backed_up_at"),
            sa.func.max(Backup.proven_at).label("proven_at"),
        )
        .where(Backup.hospital_id == Hospital.id)
        .lateral("kept")
    )


def _newest_check() -> sa.FromClause:
    return (
        sa.select(
            HealthCheck.status,
            HealthCheck.response_ms,
            HealthCheck.checked_at,
            HealthCheck.details["size_bytes"].astext.cast(sa.BigInteger).label("size_bytes"),
            HealthCheck.details["revision"].as_string().label("revision"),
            HealthCheck.details["reason"].as_string().label("reason"),
        )
        .where(HealthCheck.hospital_id == Hospital.id, HealthCheck.service == SERVICE)
        .order_by(HealthCheck.checked_at.desc())
        .limit(1)
        .lateral("health")
    )


def _newest_run() -> sa.FromClause:
    return (
        sa.select(SyncRun.status, SyncRun.started_at)
        .where(SyncRun.hospital_id == Hospital.id)
        .order_by(SyncRun.started_at.desc())
        .limit(1)
        .lateral("run")
    )


def _newest_counts() -> sa.FromClause:
    return (
        sa.select(
            SyncRun.finished_at,
            SyncRun.counts["patients"].astext.cast(sa.BigInteger).label("patients"),
            SyncRun.counts["appointments"].astext.cast(sa.BigInteger).label("appointments"),
        )
        .where(SyncRun.hospital_id == Hospital.id, SyncRun.status == RunStatus.SUCCEEDED)
        .order_by(SyncRun.started_at.desc())
        .limit(1)
        .lateral("counted")
    )


def _stopped_making() -> sa.FromClause:
    return (
        sa.select(Operation.id)
        .where(
            Operation.hospital_id == Hospital.id,
            Operation.kind == CREATE,
            Operation.state.in_((OperationState.FAILED, OperationState.CANCELLED)),
        )
        .limit(1)
        .lateral("stuck")
    )


def _rank(condition: sa.ColumnElement[str]) -> sa.Case[int]:
    return sa.case({entry.value: place for place, entry in enumerate(Condition)}, value=condition)


def _conditions(fleet: sa.Subquery, search: str, conditions: tuple[Condition, ...]) -> list[sa.ColumnElement[bool]]:
    wanted = [_mentions(fleet, word) for word in search.split()[:5]]
    if conditions:
        wanted.append(fleet.c.condition.in_([condition.value for condition in conditions]))
    elif not search:
        wanted.append(fleet.c.condition.not_in(OVER))
    return wanted


def _mentions(fleet: sa.Subquery, word: str) -> sa.ColumnElement[bool]:
    """Tell whether a word stands in the code or a name, with or without Vietnamese marks."""
    text = sa.func.concat_ws(" ", fleet.c.code, fleet.c.name, fleet.c.display_name)
    undecomposed = sa.func.replace(sa.func.lower(text), "đ", "d")
    bare = sa.func.regexp_replace(sa.func.normalize(undecomposed, sa.text("NFD")), "[\u0300-\u036f]", "", "g")
    return bare.contains(search_key(word), autoescape=True)
