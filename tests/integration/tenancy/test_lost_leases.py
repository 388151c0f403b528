"""Who was away for so long that somebody else has taken the work writes nothing, lifts no pause, exchanges nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.errors import LeaseLost, OperationTaken
from app.tenancy.ledger.leases import give_back, holding_hospital, new_runner, take_hospitals
from app.tenancy.ledger.performing import Work, perform
from app.tenancy.ledger.queries import get_operation
from app.tenancy.ledger.requests import retry_operation
from app.tenancy.models import Hospital, HospitalDatabase, HospitalLease, Operation, OperationState, OperationStep
from app.tenancy.pausing import paused
from app.tenancy.swapping import MOVE, NewHome, exchange
from tests.integration.tenancy.test_ledger import Broken, asked, context, declared, state_of
from tests.integration.tenancy.test_swapping import hospital_id
from tests.support.platform import ACTOR

__all__ = ["context", "declared"]


def lose(work: Work) -> None:
    """Have another runner take the work over."""
    with unit_of_work() as session:
        session.execute(sa.update(Operation).where(Operation.id == work.id).values(runner="somebody else"))


def lose_hospital(whose: UUID) -> None:
    with unit_of_work() as session:
        session.execute(
            sa.update(HospitalLease).where(HospitalLease.hospital_id == whose).values(runner="somebody else")
        )


def steps_of(operation_id: UUID) -> dict[str, str]:
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(OperationStep.step, OperationStep.state).where(OperationStep.operation_id == operation_id)
        )
        return {step: state.value for step, state in rows}


def test_a_step_that_fails_after_the_work_was_lost_does_not_overwrite_the_others(context: Flask, declared: Any) -> None:
    def run(work: Work) -> None:
        def fail() -> None:
            lose(work)
            raise Broken

        work.step("copy", fail)

    declared("test.fails_late", run)
    operation_id = asked("test.fails_late")
    with pytest.raises(OperationTaken):
        perform(operation_id)
    assert steps_of(operation_id) == {"copy": "running"}
    assert state_of(operation_id) is OperationState.RUNNING


def test_work_that_was_lost_before_its_end_is_not_said_to_have_succeeded(context: Flask, declared: Any) -> None:
    def run(work: Work) -> None:
        work.step("copy", lambda: lose(work))

    declared("test.ends_late", run)
    operation_id = asked("test.ends_late")
    with pytest.raises(OperationTaken):
        perform(operation_id)
    assert steps_of(operation_id) == {"copy": "running"}
    assert state_of(operation_id) is OperationState.RUNNING


def test_the_next_step_begins_without_the_last_ones_progress(context: Flask, declared: Any) -> None:
    seen: list[tuple[int, int | None, str | None]] = []

    def run(work: Work) -> None:
        def look() -> None:
            with unit_of_work():
                row = get_operation(work.id).row
                seen.append((row.done, row.total, row.note))

        work.step("copy", lambda: work.progress(34, 34, "0 MB behind"))
        work.step("exchange", look)

    declared("test.progress", run)
    perform(asked("test.progress"))
    assert seen == [(0, None, None)]


def test_steps_that_were_taken_back_are_done_again_and_shown_as_waiting(context: Flask, declared: Any) -> None:
    done: list[str] = []

    def exchange_at_the_second_try() -> None:
        if len(done) < 2:
            raise Broken

    def run(work: Work) -> None:
        work.step("copy", lambda: done.append("copy"))
        try:
            work.step("exchange", exchange_at_the_second_try)
        except Broken:
            work.forget("copy")
            raise

    declared("test.taken_back", run, steps={"copy": "Copy", "exchange": "Exchange"})
    operation_id = asked("test.taken_back")
    with pytest.raises(Broken):
        perform(operation_id)
    with unit_of_work():
        shown = get_operation(operation_id)
        assert [step.state for step in shown.steps] == ["waiting", "failed"]
        assert shown.done_steps == 0
    with unit_of_work():
        retry_operation(ACTOR, operation_id, wake=False)
    perform(operation_id)
    assert done == ["copy", "copy"]


def test_who_lost_a_hospital_exchanges_no_database(context: Flask, alpha: str) -> None:
    whose = hospital_id(alpha)
    with unit_of_work() as session:
        cluster_id, before = session.execute(
            sa.select(HospitalDatabase.cluster_id, HospitalDatabase.database_name).where(
                HospitalDatabase.hospital_id == whose
            )
        ).one()
    with holding_hospital(whose, "test") as runner:
        lose_hospital(whose)
        home = NewHome(cluster_id, "vh_elsewhere", "vh_elsewhere", "x", None)
        with pytest.raises(LeaseLost):
            exchange(ACTOR, whose, home, reason=MOVE, other_data=False, holder=runner)
    with unit_of_work() as session:
        query = sa.select(HospitalDatabase.database_name).where(HospitalDatabase.hospital_id == whose)
        assert session.scalar(query) == before


def test_who_lost_a_hospital_does_not_lift_the_others_pause(context: Flask, alpha: str) -> None:
    whose, runner = hospital_id(alpha), new_runner()
    assert take_hospitals([whose], runner, "test")
    with pytest.raises(Broken), paused(whose, holder=runner):
        lose_hospital(whose)
        raise Broken
    assert _is_paused(whose)
    with paused(whose, holder="somebody else"):
        pass
    assert not _is_paused(whose)
    give_back("somebody else")


def _is_paused(whose: UUID) -> bool:
    with unit_of_work() as session:
        return session.scalar(sa.select(Hospital.paused_at).where(Hospital.id == whose)) is not None
