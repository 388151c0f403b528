"""A day in one row: cut at midnight of UTC, right however often it is made, and there before the raw checks go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.health.rollups import prune_checks, prune_runs, roll_up, roll_up_day
from app.tenancy.models import HealthCheck, HealthStatus, RunStatus, SyncRun, UptimeDay

DAY = date(2026, 3, 8)
MIDNIGHT = datetime(2026, 3, 8, tzinfo=UTC)


@pytest.fixture
def hospital(app: Flask) -> Iterator[UUID]:
    with app.app_context():
        yield tenancy().registry.get_by_code("alpha").id


def check(
    hospital_id: UUID | None,
    at: datetime,
    status: HealthStatus = HealthStatus.UP,
    ms: float | None = 10,
    service: str = "database",
) -> None:
    with unit_of_work() as session:
        session.add(
            HealthCheck(
                id=new_id(),
                hospital_id=hospital_id,
                service=service,
                status=status,
                response_ms=ms,
                details={"size_bytes": 5_000_000_000},
                checked_at=at,
            )
        )


def days() -> list[UptimeDay]:
    with unit_of_work() as session:
        rows = list(session.scalars(sa.select(UptimeDay).order_by(UptimeDay.day, UptimeDay.service)))
        session.expunge_all()
    return rows


def raw() -> int:
    with unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(HealthCheck)) or 0


def test_a_day_counts_what_it_had_and_how_long_answers_took(hospital: UUID) -> None:
    for number in range(100):
        check(hospital, MIDNIGHT + timedelta(minutes=number), ms=float(number + 1))
    check(hospital, MIDNIGHT + timedelta(hours=5), HealthStatus.DEGRADED, 2_000)
    check(hospital, MIDNIGHT + timedelta(hours=6), HealthStatus.DOWN, None)
    roll_up_day(DAY)
    row = days()[0]
    assert (row.checks, row.up, row.degraded, row.down) == (102, 100, 1, 1)
    assert row.longest_ms == 2_000
    assert row.mean_ms == pytest.approx((5_050 + 2_000) / 101)
    assert row.p95_ms == pytest.approx(96.0)
    assert row.size_bytes == 5_000_000_000


def test_days_are_those_of_utc_and_not_of_the_hospital(hospital: UUID) -> None:
    """23:59 of the seventh in UTC is 06:59 of the eighth in Vietnam, and counts for the seventh."""
    check(hospital, MIDNIGHT - timedelta(minutes=1))
    check(hospital, MIDNIGHT)
    check(hospital, MIDNIGHT + timedelta(hours=23, minutes=59, seconds=59))
    check(hospital, MIDNIGHT + timedelta(hours=24))
    with clock.frozen_at(MIDNIGHT + timedelta(hours=30)):
        roll_up()
    assert [(row.day, row.checks) for row in days()] == [
        (DAY - timedelta(days=1), 1),
        (DAY, 2),
        (DAY + timedelta(days=1), 1),
    ]


def test_a_day_made_twice_is_the_same_day_and_grows_while_it_lasts(hospital: UUID) -> None:
    check(hospital, MIDNIGHT + timedelta(hours=1))
    with clock.frozen_at(MIDNIGHT + timedelta(hours=2)):
        assert (roll_up(), roll_up()) == (1, 1)
        assert [row.checks for row in days()] == [1]
    check(hospital, MIDNIGHT + timedelta(hours=20))
    with clock.frozen_at(MIDNIGHT + timedelta(hours=26)):
        roll_up()
    assert [(row.day, row.checks) for row in days()] == [(DAY, 2)]


def test_the_platforms_own_services_have_their_days_too_and_once(hospital: UUID) -> None:
    check(None, MIDNIGHT, service="cluster:main")
    check(hospital, MIDNIGHT)
    with clock.frozen_at(MIDNIGHT + timedelta(hours=2)):
        roll_up()
        roll_up()
    assert [(row.hospital_id, row.service) for row in days()] == [(None, "cluster:main"), (hospital, "database")]


def test_missed_days_are_made_up_before_their_checks_go(hospital: UUID) -> None:
    for number in range(12):
        check(hospital, MIDNIGHT + timedelta(days=number, hours=3))
    with clock.frozen_at(MIDNIGHT + timedelta(days=11, hours=4)):
        prune_checks()
    assert raw() == 8, "seven whole days and today"
    assert [row.day for row in days()] == [DAY + timedelta(days=number) for number in range(4)]
    with clock.frozen_at(MIDNIGHT + timedelta(days=11, hours=4)):
        roll_up()
        prune_checks()
    assert [row.checks for row in days()] == [1] * 12


def test_a_whole_days_row_is_not_made_anew_from_what_is_left_of_it(hospital: UUID) -> None:
    check(hospital, MIDNIGHT + timedelta(hours=1))
    check(hospital, MIDNIGHT + timedelta(hours=2))
    check(hospital, MIDNIGHT + timedelta(days=1))
    with clock.frozen_at(MIDNIGHT + timedelta(days=1, hours=1)):
        roll_up()
    with unit_of_work() as session:
        session.execute(sa.delete(HealthCheck).where(HealthCheck.checked_at == MIDNIGHT + timedelta(hours=1)))
    with clock.frozen_at(MIDNIGHT + timedelta(days=9)):
        prune_checks()
    assert (days()[0].day, days()[0].checks) == (DAY, 2)


def test_old_sync_runs_go_but_never_the_newest_nor_the_last_that_succeeded(hospital: UUID) -> None:
    def run(age: int, status: RunStatus) -> None:
        with unit_of_work() as session:
            session.add(
                SyncRun(
                    hospital_id=hospital, kind="outbox", status=status, started_at=clock.now() - timedelta(days=age),
                    from_position=0, to_position=0, events=0,
                )
            )  # fmt: skip

    for age, status in ((90, "succeeded"), (80, "succeeded"), (70, "failed"), (60, "failed"), (5, "failed")):
        run(age, RunStatus(status))
    assert prune_runs() == 3
    assert prune_runs() == 0
    with unit_of_work() as session:
        ages = [(clock.now() - at).days for at in session.scalars(sa.select(SyncRun.started_at))]
    assert sorted(ages) == [5, 80]
