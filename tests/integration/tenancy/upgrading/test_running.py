"""A fleet is upgraded in waves; who fails is left as it was and passed by, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.leases import give_back, take_hospitals
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import cancel_operation, retry_operation
from app.tenancy.models import Hospital, MigrationRun, MigrationState, PlatformAuditEntry
from app.tenancy.queries import get_hospital
from app.tenancy.upgrading import working
from app.tenancy.upgrading.errors import MigrationStopped, MigrationUnderWay, SomeNotMigrated
from app.tenancy.upgrading.quarantine import clear_quarantine
from tests.support.platform import ACTOR, Platform
from tests.support.revisions import HOLD_UP, IN_THE_WAY, NEW, OLD, OUT_OF_THE_WAY, REASON

Ask = Callable[..., UUID]
Revisions = Callable[[], dict[str, str]]
States = Callable[[UUID], dict[str, MigrationState]]


def serves(app: Flask, code: str) -> bool:
    return app.test_client().get(f"/h/{code}/hospital/sign-in").status_code == 200


def test_the_whole_fleet_is_upgraded_in_waves(
    context: Flask, fleet: tuple[str, ...], ask: Ask, revisions: Revisions, states: States
) -> None:
    assert {code: revision for code, revision in revisions().items() if revision == OLD} == dict.fromkeys(fleet, OLD)
    wanted = ask(canary=("zeta",), waves=("1", "30%"))
    assert perform(wanted) == {"to": NEW, "migrated": 6}
    assert set(revisions().values()) == {NEW}
    with unit_of_work() as session:
        query = sa.select(Hospital.code, MigrationRun.wave, MigrationRun.attempts, MigrationRun.duration_ms)
        rows = session.execute(query.join(MigrationRun).where(MigrationRun.operation_id == wanted)).all()
        assert {row.code for row in rows if row.wave == 0} == {"zeta"}
        assert sorted(row.wave for row in rows) == [0, 1, 2, 2, 3, 3]
        assert all(row.attempts == 1 and row.duration_ms > 0 for row in rows)
        runs = session.scalars(sa.select(MigrationRun).where(MigrationRun.operation_id == wanted)).all()
        assert {(run.from_revision, run.to_revision) for run in runs} == {(OLD, NEW)}
        assert all(run.started_at and run.finished_at for run in runs)


def test_one_that_fails_is_as_before_and_in_quarantine_and_the_others_are_done(
    platform: Platform,
    context: Flask,
    fleet: tuple[str, ...],
    ask: Ask,
    revisions: Revisions,
    states: States,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with platform.admin("theta") as connection:
        connection.execute(IN_THE_WAY)
    wanted = ask(canary=("delta",), budget="1")
    with pytest.raises(SomeNotMigrated, match=f"theta: {REASON}") as failed:
        perform(wanted)
    assert not isinstance(failed.value, MigrationStopped)
    assert (failed.value.done, failed.value.failed) == (5, 1)
    assert revisions() == {code: OLD if code == "theta" else NEW for code in revisions()}
    assert states(wanted)["theta"] is MigrationState.QUARANTINED
    monkeypatch.setattr("app.tenancy.revisions.OLDEST_SERVED", OLD)
    assert serves(context, "theta")
    with unit_of_work():
        assert "already exists" in (get_hospital("theta").quarantine_reason or "")
    assert perform(ask()) == {"to": NEW, "migrated": 0}, "who is in quarantine is passed by"
    mend(platform, "theta")
    with unit_of_work():
        clear_quarantine(ACTOR, get_hospital("theta"))
        retry_operation(ACTOR, wanted, wake=False)
    assert perform(wanted) == {"to": NEW, "migrated": 6}
    assert set(revisions().values()) == {NEW}
    with unit_of_work() as session:
        actions = session.scalars(sa.select(PlatformAuditEntry.action)).all()
        assert {"hospital.quarantine", "hospital.clear_quarantine"} <= set(actions)


def test_too_many_failures_stop_what_was_not_begun(
    platform: Platform, context: Flask, fleet: tuple[str, ...], ask: Ask, revisions: Revisions, states: States
) -> None:
    for code in ("delta", "epsilon"):
        with platform.admin(code) as connection:
            connection.execute(IN_THE_WAY)
    wanted = ask(canary=("zeta",), waves=("2",), budget="1", parallel=1)
    with pytest.raises(MigrationStopped):
        perform(wanted)
    found = states(wanted)
    assert [found[code] for code in ("zeta", "delta", "epsilon")] == [
        MigrationState.SUCCEEDED, MigrationState.QUARANTINED, MigrationState.QUARANTINED,
    ]  # fmt: skip
    assert {found[code] for code in ("gamma", "theta", "iota")} == {MigrationState.WAITING}
    assert sum(revision == NEW for revision in revisions().values()) == 3


def test_a_canary_that_fails_stops_everything(
    platform: Platform, context: Flask, fleet: tuple[str, ...], ask: Ask, revisions: Revisions
) -> None:
    with platform.admin("zeta") as connection:
        connection.execute(IN_THE_WAY)
    with pytest.raises(MigrationStopped):
        perform(ask(canary=("zeta",), budget="100%"))
    assert [code for code, revision in revisions().items() if revision == OLD] == sorted(
        fleet, key=list(revisions()).index
    )


def test_a_canary_that_does_not_serve_afterwards_stops_everything(
    platform: Platform, context: Flask, fleet: tuple[str, ...], ask: Ask, revisions: Revisions, states: States
) -> None:
    with platform.admin("zeta") as connection:
        connection.execute("REVOKE SELECT ON permissions FROM vien_app")
    wanted = ask(canary=("zeta",))
    with pytest.raises(MigrationStopped, match="cannot be served: permission denied for table permissions"):
        perform(wanted)
    assert states(wanted)["zeta"] is MigrationState.QUARANTINED
    assert sum(revision == OLD for revision in revisions().values()) == 5


def test_a_long_transaction_in_one_hospital_holds_nobody_else_up(
    platform: Platform, context: Flask, fleet: tuple[str, ...], ask: Ask, revisions: Revisions, states: States
) -> None:
    wanted = ask(canary=("zeta",), lock_timeout_ms=100, tries=2, budget="1")
    with platform.admin("iota") as holder, holder.transaction():
        holder.execute(HOLD_UP)
        with pytest.raises(SomeNotMigrated, match=r"iota: .*lock timeout"):
            perform(wanted)
        assert states(wanted)["iota"] is MigrationState.FAILED
    found = revisions()
    assert found.pop("iota") != NEW, "each revision is a transaction; it stands where the lock stopped it"
    assert set(found.values()) == {NEW}
    with unit_of_work() as session:
        assert get_hospital("iota").quarantined_at is None, "it was busy, nothing is wrong with it"
        tries = sa.select(MigrationRun.attempts).join(Hospital, Hospital.id == MigrationRun.hospital_id)
        query = tries.where(Hospital.code == "iota", MigrationRun.operation_id == wanted)
        assert session.scalar(query) == 2
    assert perform(ask()) == {"to": NEW, "migrated": 1}


def test_a_hospital_that_is_being_changed_is_left_for_later(
    context: Flask, fleet: tuple[str, ...], ask: Ask, revisions: Revisions, states: States
) -> None:
    with unit_of_work():
        taken = get_hospital("gamma").id
    assert take_hospitals([taken], "elsewhere-0:1:x", "hospital.restore")
    wanted = ask(canary=("zeta",), budget="1", tries=2)
    try:
        with pytest.raises(SomeNotMigrated, match="gamma: another operation is changing this hospital"):
            perform(wanted)
    finally:
        give_back("elsewhere-0:1:x")
    assert states(wanted)["gamma"] is MigrationState.FAILED
    with unit_of_work():
        retry_operation(ACTOR, wanted, wake=False)
    assert perform(wanted) == {"to": NEW, "migrated": 6}
    assert set(revisions().values()) == {NEW}


def test_two_cannot_migrate_the_fleet_at_once(context: Flask, ask: Ask) -> None:
    ask()
    with pytest.raises(MigrationUnderWay):
        ask()


def test_it_is_cancelled_between_two_hospitals(
    context: Flask, fleet: tuple[str, ...], ask: Ask, revisions: Revisions, states: States, monkeypatch: Any
) -> None:
    from app.tenancy.ledger.errors import OperationCancelled

    wanted = ask(canary=("zeta",), parallel=1)
    attempt = working.try_migration
    done: list[str] = []

    def cancel_after_two(target: Any, *rest: Any) -> Any:
        done.append(target.code)
        if len(done) == 2:
            with context.app_context(), unit_of_work():
                cancel_operation(ACTOR, wanted)
        return attempt(target, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(working, "try_migration", cancel_after_two)
        patch.setattr("app.tenancy.ledger.performing.PROGRESS_EVERY", 0)
        with pytest.raises(OperationCancelled):
            perform(wanted)
    found = states(wanted)
    assert sum(state is MigrationState.SUCCEEDED for state in found.values()) == len(done) < 6
    assert set(found.values()) == {MigrationState.SUCCEEDED, MigrationState.WAITING}
    assert sum(revision == NEW for revision in revisions().values()) == 2 + len(done)
    with unit_of_work():
        retry_operation(ACTOR, wanted, wake=False)
    assert perform(wanted) == {"to": NEW, "migrated": 6}


def mend(platform: Platform, code: str) -> None:
    with platform.admin(code) as connection:
        connection.execute(OUT_OF_THE_WAY)
