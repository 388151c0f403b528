"""Cancelling works wherever it is offered: before work begins, between its steps, and in the middle of long ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.centre import reconciling, retelling
from app.domain.centre.operations import RECONCILE, RESYNC
from app.domain.models import __all__ as _tables  # noqa: F401 (every kind is known)
from app.tenancy.ledger import performing, registered  # noqa: F401
from app.tenancy.ledger.errors import OperationCancelled, OperationTaken
from app.tenancy.ledger.kinds import list_kinds
from app.tenancy.ledger.performing import Progress, perform
from app.tenancy.ledger.queries import get_operation
from app.tenancy.ledger.requests import cancel_operation, request_operation, retry_operation
from app.tenancy.models import Operation, OperationState
from app.tenancy.queries import get_hospital
from tests.factories import make_patient
from tests.support.platform import ACTOR


def ask(app: Flask, name: str, code: str) -> UUID:
    kind = next(kind for kind in list_kinds() if kind.name == name)
    with app.app_context(), unit_of_work():
        hospital = get_hospital(code) if kind.takes_hospital else None
        return request_operation(ACTOR, name, hospital=hospital, wake=False).id


@pytest.mark.parametrize("running", [False, True], ids=["that waits", "that was just taken up"])
def test_work_of_every_kind_is_cancelled_before_it_does_anything(app: Flask, alpha: str, running: bool) -> None:
    for kind in list_kinds():
        operation_id = ask(app, kind.name, alpha)
        with app.app_context():
            with unit_of_work() as session:
                if running:  # as whoever cancels between the claim and the first step
                    now = {"cancel_requested_at": sa.func.now()}
                    session.execute(sa.update(Operation).where(Operation.id == operation_id).values(now))
                else:
                    cancel_operation(ACTOR, operation_id)
            with pytest.raises(OperationCancelled if running else OperationTaken):
                perform(operation_id)
            with unit_of_work():
                shown = get_operation(operation_id)
                assert (kind.name, shown.row.state, shown.done_steps) == (kind.name, OperationState.CANCELLED, 0)


@pytest.mark.parametrize("name", [RESYNC, RECONCILE])
def test_telling_anew_and_comparing_say_how_far_they_are_and_stop_half_way(
    app: Flask, alpha: str, bound: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(performing, "PROGRESS_EVERY", 0)
    monkeypatch.setattr(retelling, "BATCH", 3)
    monkeypatch.setattr(reconciling, "RANGE", 3)
    with bound(alpha):
        for _number in range(10):
            make_patient()
    operation_id = ask(app, name, alpha)
    heard: list[tuple[int, int | None]] = []

    def cancel(progress: Progress) -> None:
        if progress.total:
            heard.append((progress.done, progress.total))
        if len(heard) == 2:
            with unit_of_work():
                cancel_operation(ACTOR, operation_id)

    with app.app_context():
        with pytest.raises(OperationCancelled):
            perform(operation_id, cancel)
        assert heard == [(3, 10), (6, 10)]
        with unit_of_work():
            assert get_operation(operation_id).row.state is OperationState.CANCELLED
            retry_operation(ACTOR, operation_id, wake=False)
        assert perform(operation_id)["patients"] == 10
