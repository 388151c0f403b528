"""A move that is killed, cancelled or disturbed at any point: it goes on, or nothing of it is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.cluster_errors import ClusterUnreachable
from app.tenancy.ledger.errors import OperationCancelled
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import cancel_operation, retry_operation
from app.tenancy.models import Operation, OperationState
from app.tenancy.moving import comparing, cutting_over, moving, replicating
from app.tenancy.moving.errors import CopyDiffers, ReplicationStopped
from app.tenancy.moving.leftovers import take_back_left_moves
from app.tenancy.pausing import lift_left_pauses
from tests.factories import make_patient
from tests.integration.tenancy.moving.conftest import (
    Move,
    Second,
    ask,
    databases_on,
    home_of,
    left_on,
    patients_in,
    state_of,
)
from tests.support.platform import ACTOR, Platform

METHODS = ("dump", "replication")
POINTS = (
    (moving, "make_plan"),
    (moving, "_prepare"),
    (moving, "_follow"),
    (cutting_over, "_carry_rest"),
    (cutting_over, "_exchange"),
    (moving, "cut_over"),
    (replicating, "end"),
)
BEFORE_THE_EXCHANGE = POINTS[:4]


def parts_of(method: str, points: Sequence[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Return the parts that a method has: a dump follows nothing."""
    return [point for point in points if (method, point[1]) != ("dump", "_follow")]


class Killed(BaseException):
    """The process ends: nobody catches this to tidy up."""


@pytest.fixture
def filled(second: Second, gamma: str) -> str:
    """Gamma with some patients."""
    with second.app.app_context(), bind_hospital(gamma), unit_of_work():
        for _ in range(3):
            make_patient()
    return gamma


def serves(app: Flask, code: str) -> bool:
    """Tell whether a hospital can be read and written."""
    with bind_hospital(code), unit_of_work():
        make_patient()
    return True


def nothing_is_left(platform: Platform, second: Second) -> bool:
    return (
        left_on(platform.cluster, platform.databases["gamma"]) == {}
        and left_on(second.cluster) == {}
        and databases_on(second.cluster) == set()
    )


def after(monkeypatch: pytest.MonkeyPatch, point: tuple[Any, str], do: Any) -> None:
    """Have something happen once, right after a part of the work is done."""
    module, name = point
    work, happened = getattr(module, name), []

    def work_and_then(*args: Any, **values: Any) -> Any:
        result = work(*args, **values)
        if not happened:
            happened.append(True)
            do()
        return result

    monkeypatch.setattr(module, name, work_and_then)


@pytest.mark.parametrize("method", METHODS)
def test_what_dies_after_every_part_goes_on_from_there_each_time(
    platform: Platform, second: Second, filled: str, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def die() -> None:
        raise Killed

    points = parts_of(method, POINTS)
    with second.app.app_context():
        operation_id = ask(filled, method)
        for point in points:
            with monkeypatch.context() as patched, pytest.raises(Killed):
                after(patched, point, die)
                perform(operation_id)
            assert state_of(platform, operation_id) is OperationState.QUEUED
            assert serves(second.app, filled)
        perform(operation_id)
        server, database = home_of(filled)
        assert server == "second"
        assert serves(second.app, filled)
        assert databases_on(second.cluster) == {database}
        assert len(patients_in(second.cluster, database)) == 3 + len(points) + 1
        assert left_on(platform.cluster, platform.databases[filled]) == {}
        assert left_on(second.cluster, database) == {}


@pytest.mark.parametrize(
    ("method", "point"),
    [(method, point) for method in METHODS for point in parts_of(method, BEFORE_THE_EXCHANGE)],
    ids=lambda value: value if isinstance(value, str) else value[1],
)
def test_what_is_cancelled_before_the_exchange_leaves_the_old_database_serving_and_nothing_else(
    platform: Platform, second: Second, filled: str, monkeypatch: pytest.MonkeyPatch, method: str, point: Any
) -> None:
    with second.app.app_context():
        operation_id = ask(filled, method)

        def cancel() -> None:
            with second.app.app_context(), unit_of_work():
                cancel_operation(ACTOR, operation_id)

        with monkeypatch.context() as patched, pytest.raises(OperationCancelled):
            after(patched, point, cancel)
            perform(operation_id)
        assert state_of(platform, operation_id) is OperationState.CANCELLED
        assert home_of(filled) == ("main", platform.databases[filled])
        assert serves(second.app, filled)
        assert nothing_is_left(platform, second)
        assert take_back_left_moves() == []


@pytest.mark.parametrize("method", METHODS)
def test_a_copy_that_differs_is_not_exchanged_and_a_retry_copies_anew(
    platform: Platform, second: Second, filled: str, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    compare = comparing.compare

    def lose_a_row(source: Any, database: str, target: Any, new: str, **how: Any) -> int:
        with target.connect(new) as inside:
            inside.execute("DELETE FROM patients WHERE id = (SELECT min(id::text)::uuid FROM patients)")
        return compare(source, database, target, new, **how)

    with second.app.app_context():
        operation_id = ask(filled, method)
        with monkeypatch.context() as patched, pytest.raises(CopyDiffers, match="patients: 3 → 2 rows"):
            patched.setattr(comparing, "compare", lose_a_row)
            perform(operation_id)
        assert home_of(filled) == ("main", platform.databases[filled])
        assert serves(second.app, filled)
        assert nothing_is_left(platform, second)
        with unit_of_work():
            retry_operation(ACTOR, operation_id, wake=False)
        assert perform(operation_id)["method"] == method
        assert home_of(filled)[0] == "second"


def test_other_content_in_as_many_rows_is_found(
    platform: Platform, second: Second, filled: str, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = comparing.compare

    def change_a_word(source: Any, database: str, target: Any, new: str, **how: Any) -> int:
        with target.connect(new) as inside:
            inside.execute(
                "UPDATE patients SET street = 'elsewhere' WHERE id = (SELECT min(id::text)::uuid FROM patients)"
            )
            inside.execute("SELECT nextval('patient_code_seq')")
        return compare(source, database, target, new, **how)

    monkeypatch.setattr(comparing, "compare", change_a_word)
    with second.app.app_context(), pytest.raises(CopyDiffers) as found:
        move("dump")
    assert set(found.value.mismatches) == {"patients", "sequence patient_code_seq"}


def test_a_server_that_vanishes_in_the_middle_leaves_no_slot_and_is_tidied_when_it_is_back(
    platform: Platform, second: Second, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "PATIENCE_SECONDS", 0)
    with second.app.app_context():
        operation_id = ask(filled, "replication")
        with monkeypatch.context() as patched, pytest.raises(ClusterUnreachable):
            after(patched, (moving, "_prepare"), second.services.postgres.stop)  # type: ignore[union-attr]
            perform(operation_id)
        assert state_of(platform, operation_id) is OperationState.FAILED
        assert left_on(platform.cluster, platform.databases[filled]) == {}
        assert serves(second.app, filled)
        assert take_back_left_moves() == []
        second.services.revive()
        assert databases_on(second.cluster) != set()
        assert take_back_left_moves() == [f"vien_mv_{operation_id.hex}"]
        assert nothing_is_left(platform, second)
        with unit_of_work():
            retry_operation(ACTOR, operation_id, wake=False)
        perform(operation_id)
        assert home_of(filled)[0] == "second"


@pytest.mark.parametrize(
    ("method", "step", "seconds"),
    [
        ("dump", "Prepare", 0.0),
        ("dump", "Pause", 0.4),
        ("replication", "Prepare", 0.3),
        ("replication", "Copy", 0.2),
        ("replication", "Pause", 0.1),
    ],
)
def test_a_command_that_is_killed_leaves_a_hospital_that_serves_and_a_move_that_goes_on(
    platform: Platform, second: Second, filled: str, method: str, step: str, seconds: float
) -> None:
    words = ["hospital", "move", filled, "--to", "second", "--method", method, "--yes", "--confirm", filled]
    addresses = json.dumps({"second": second.services.admin_database_url})
    environment = os.environ | platform.environment() | {"CLUSTER_ADMIN_URLS": addresses}
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", *words], env=environment, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stderr is not None
        assert any(line.startswith(step) for line in command.stderr)
        time.sleep(seconds)
        command.kill()
    with second.app.app_context():
        lift_left_pauses()
        tenancy().registry.forget()
        assert serves(second.app, filled)
        with unit_of_work() as session:
            operation_id = session.scalars(sa.select(Operation.id).where(Operation.kind == "hospital.move")).one()
        if state_of(platform, operation_id) is OperationState.RUNNING:
            perform(operation_id)
        server, database = home_of(filled)
        assert server == "second"
        assert serves(second.app, filled)
        assert len(patients_in(second.cluster, database)) == 5
        assert databases_on(second.cluster) == {database}
        assert left_on(platform.cluster, platform.databases[filled]) == {}
        assert left_on(second.cluster, database) == {}


def test_a_server_that_is_restarted_in_the_middle_is_waited_for(
    platform: Platform, second: Second, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restart() -> None:
        assert second.services.postgres is not None
        second.services.postgres.stop()
        second.services.revive()

    with second.app.app_context():
        operation_id = ask(filled, "replication")
        after(monkeypatch, (moving, "_prepare"), restart)
        perform(operation_id)
        assert home_of(filled)[0] == "second"


def test_changes_that_do_not_arrive_end_the_pause_and_then_the_move(
    platform: Platform, second: Second, filled: str, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting_over, "ARRIVE_SECONDS", 0.0)
    monkeypatch.setattr(cutting_over, "BETWEEN_SECONDS", 0.0)
    monkeypatch.setattr(replicating, "has_reached", lambda *_args: False)
    with second.app.app_context():
        with pytest.raises(ReplicationStopped, match="3 times"):
            move("replication")
        assert serves(second.app, filled)
        assert nothing_is_left(platform, second)
