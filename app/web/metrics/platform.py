"""How the platform does, read from the central database and from Redis at the moment of asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.dialects.postgresql import distinct_on

from app.core import clock
from app.core.db import db
from app.core.keys import PLATFORM
from app.core.queue_state import QueueState, count_jobs, list_queue_states
from app.tenancy.credentials.isolation import find_latest_check
from app.tenancy.dead_letters import count_open
from app.tenancy.fleet import Condition, list_all
from app.tenancy.health.central import central_answers
from app.tenancy.health.reading import SERVICE
from app.tenancy.models import CheckState, HealthCheck, HealthStatus, Hospital, Operation, OperationState
from app.web.metrics.requests import MOST_HOSPITALS

# Of one hospital: the figure's name, what it says, and where it stands in the newest check.
OF_HOSPITAL = (
    ("vien_hospital_size_bytes", "Size of a hospital's database.", "size_bytes"),
    ("vien_hospital_connections", "Connections to a hospital's database.", "connections"),
    ("vien_hospital_backup_age_seconds", "Time since the last complete backup.", "backup_age"),
    ("vien_hospital_proven_restore_age_seconds", "Time since a backup was last proven by a restore.", "proven_age"),
    ("vien_hospital_outbox_waiting", "Events that the centre has not heard of.", "outbox_waiting"),
    ("vien_hospital_outbox_age_seconds", "Age of the oldest of these events.", "outbox_age"),
    ("vien_hospital_reminder_age_seconds", "How long the oldest due reminder has waited.", "reminder_age"),
    ("vien_hospital_replica_lag_seconds", "How far a read replica is behind.", "replica_lag"),
)
OF_SERVICE = (
    ("vien_service_size_bytes", "Size of the databases on a server.", "size_bytes"),
    ("vien_service_connections", "Connections to a server.", "connections"),
    ("vien_service_connection_limit", "Connections that a server takes.", "connection_limit"),
    ("vien_service_free_bytes", "Room that is left in the backup store.", "free_bytes"),
)

MOST_COUNTS = 4_000  # hospitals by outcomes


class PlatformFigures(Collector):
    """Asks when it is asked; what cannot be said now is left out."""

    def collect(self) -> Iterator[Metric]:
        """Yield the platform's figures."""
        central = central_answers()
        yield _gauge("vien_central_database_up", "Whether the central database answers.", float(central))
        yield from _queues()
        if central:
            yield from _hospitals()
            yield from _checks()
            yield from _operations()
            yield from _isolation()
            yield from _dead_letters()


def _queues() -> Iterator[Metric]:
    states = list_queue_states()
    yield _gauge("vien_redis_up", "Whether Redis answers.", float(states is not None))
    if states is None:
        return
    yield from _by_queue(states)
    yield from _by_lane(states)
    ended = CounterMetricFamily("vien_jobs", "Jobs that ended, since Redis began.", labels=("hospital", "outcome"))
    for (lane, outcome), count in sorted((count_jobs() or {}).items())[:MOST_COUNTS]:
        ended.add_metric((lane, outcome), count)
    yield ended


def _by_queue(states: list[QueueState]) -> Iterator[Metric]:
    depth = GaugeMetricFamily("vien_queue_jobs", "Jobs that wait.", labels=("queue",))
    age = GaugeMetricFamily("vien_queue_oldest_age_seconds", "How long the first has waited.", labels=("queue",))
    running = GaugeMetricFamily("vien_queue_running", "Jobs that a worker has.", labels=("queue",))
    workers = GaugeMetricFamily("vien_queue_workers", "Workers that were heard of lately.", labels=("queue",))
    for state in states:
        depth.add_metric((state.name,), state.waiting)
        age.add_metric((state.name,), state.oldest_seconds or 0.0)
        running.add_metric((state.name,), state.running)
        workers.add_metric((state.name,), state.workers)
    yield from (depth, age, running, workers)


def _by_lane(states: list[QueueState]) -> Iterator[Metric]:
    waiting: Counter[str] = Counter()
    ages: dict[str, float] = {}
    for lane in (lane for state in states for lane in state.lanes):
        name = lane.hospital or PLATFORM
        waiting[name] += lane.waiting
        ages[name] = max(ages.get(name, 0.0), lane.oldest_seconds or 0.0)
    depth = GaugeMetricFamily("vien_hospital_queue_jobs", "Jobs of a hospital that wait.", labels=("hospital",))
    age = GaugeMetricFamily(
        "vien_hospital_queue_oldest_age_seconds", "How long the first has waited.", labels=("hospital",)
    )
    for name, count in waiting.most_common(MOST_HOSPITALS):
        depth.add_metric((name,), count)
        age.add_metric((name,), ages[name])
    yield from (depth, age)


def _dead_letters() -> Iterator[Metric]:
    letters = GaugeMetricFamily("vien_dead_letters", "Work that was given up and is open.", labels=("hospital",))
    for code, count in count_open().items():
        letters.add_metric((code or PLATFORM,), count)
    yield letters


def _hospitals() -> Iterator[Metric]:
    rows = list_all()
    counts = Counter(row.condition for row in rows)
    conditions = GaugeMetricFamily("vien_hospitals", "Hospitals by condition.", labels=("condition",))
    for condition in Condition:
        conditions.add_metric((condition.value,), counts[condition.value])
    yield conditions
    up = GaugeMetricFamily("vien_hospital_up", "Whether a hospital's database answers.", labels=("hospital",))
    seconds = GaugeMetricFamily("vien_hospital_response_seconds", "How long its answer took.", labels=("hospital",))
    for row in rows[:MOST_HOSPITALS]:
        if row.health is not None:
            up.add_metric((row.code,), float(row.health is not HealthStatus.DOWN))
        if row.response_ms is not None:
            seconds.add_metric((row.code,), row.response_ms / 1_000)
    yield up
    yield seconds


def _checks() -> Iterator[Metric]:
    newest = (
        sa.select(HealthCheck.details)
        .where(HealthCheck.hospital_id == Hospital.id, HealthCheck.service == SERVICE)
        .order_by(HealthCheck.checked_at.desc())
        .limit(1)
        .lateral()
    )
    query = sa.select(Hospital.code, newest.c.details).select_from(Hospital).join(newest, sa.true())
    yield from _families(OF_HOSPITAL, "hospital", db.session.execute(query.order_by(Hospital.code).limit(1_000)).all())
    services = (
        sa.select(HealthCheck.service, HealthCheck.details, HealthCheck.status)
        .where(
            HealthCheck.hospital_id.is_(None),
            HealthCheck.checked_at > clock.now() - timedelta(minutes=15),
        )
        .ext(distinct_on(HealthCheck.service))
        .order_by(HealthCheck.service, HealthCheck.checked_at.desc())
    )
    rows = db.session.execute(services).all()
    up = GaugeMetricFamily("vien_service_up", "Whether a server or the backup store answers.", labels=("service",))
    for row in rows:
        up.add_metric((row.service,), float(row.status is not HealthStatus.DOWN))
    yield up
    yield from _families(OF_SERVICE, "service", rows)


def _operations() -> Iterator[Metric]:
    states = GaugeMetricFamily("vien_operations", "Long work by state; what ended of the last day.", labels=("state",))
    ended = Operation.finished_at > clock.now() - timedelta(days=1)
    query = (
        sa.select(Operation.state, sa.func.count())
        .where(sa.or_(Operation.finished_at.is_(None), ended))
        .group_by(Operation.state)
    )
    counts = {row[0]: row[1] for row in db.session.execute(query)}
    for state in OperationState:
        states.add_metric((state.value,), counts.get(state, 0))
    yield states


def _isolation() -> Iterator[Metric]:
    check = find_latest_check()
    if check is None:
        return
    passed = float(check.state is CheckState.PASSED)
    yield _gauge("vien_isolation_passed", "Whether the last check of isolation found nothing.", passed)
    age = (clock.now() - check.started_at).total_seconds()
    yield _gauge("vien_isolation_check_age_seconds", "Time since that check.", age)


def _families(figures: Sequence[tuple[str, str, str]], label: str, rows: Sequence[Any]) -> Iterator[Metric]:
    for name, says, key in figures:
        family = GaugeMetricFamily(name, says, labels=(label,))
        for row in rows:
            value = (row.details or {}).get(key)
            if isinstance(value, int | float):
                family.add_metric((row[0],), value)
        yield family


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, value=value)
