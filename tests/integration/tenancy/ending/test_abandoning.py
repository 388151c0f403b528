"""A hospital that could not be made is given up: nothing of it is left, and its code is free again."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy import making
from app.tenancy.binding import tenancy
from app.tenancy.ending.abandoning import request_abandoning
from app.tenancy.errors import HospitalBusy, UnknownHospital
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.queries import list_to_retry, list_waiting
from app.tenancy.ledger.requests import retry_operation
from app.tenancy.making import provision_hospital
from app.tenancy.models import Hospital, HospitalStatus, Operation, OperationState, PlatformAuditEntry
from app.tenancy.operations import NotInThisState
from app.tenancy.provisioning import CREATE, HospitalRequest, request_hospital
from tests.integration.tenancy.ending.conftest import asked, hospital_of, own_orphans
from tests.support.platform import ACTOR

DELTA = "delta"


class Broken(Exception):
    """A step fails."""


def request(domain: str | None = "kham.delta.vn") -> None:
    with unit_of_work():
        request_hospital(ACTOR, HospitalRequest(code=DELTA, name="Delta", display_name="Delta", custom_domain=domain))


@pytest.fixture
def stopped(context: Flask, monkeypatch: pytest.MonkeyPatch) -> str:
    """A hospital whose making stopped when it had a database and a role."""

    def fail(*_args: Any) -> None:
        raise Broken

    request()
    with monkeypatch.context() as patched:
        patched.setattr(making, "_claim", fail)
        with pytest.raises(Broken):
            provision_hospital(ACTOR, DELTA)
    return DELTA


def test_what_was_made_is_dropped_and_the_code_is_free_again(stopped: str) -> None:
    hospital_id = hospital_of(stopped).id
    result = perform(asked(request_abandoning, stopped))
    assert result == {"code": DELTA, "free_again": True}
    assert own_orphans() == []
    with unit_of_work() as session:
        hospital = session.get_one(Hospital, hospital_id)
        assert (hospital.status, hospital.custom_domain) == (HospitalStatus.DELETED, None)
        action = sa.select(PlatformAuditEntry.changes).where(PlatformAuditEntry.action == "hospital.abandon")
        assert session.scalars(action).one()["code"][0] == DELTA
    request()
    provision_hospital(ACTOR, DELTA)
    assert hospital_of(DELTA).status is HospitalStatus.ACTIVE


def test_its_making_is_not_taken_up_again_by_anybody(stopped: str) -> None:
    perform(asked(request_abandoning, stopped))
    with unit_of_work() as session:
        assert list_to_retry() == []
        assert list_waiting() == []
        query = sa.select(Operation).where(Operation.kind == CREATE)
        making_it = session.scalars(query).one()
        assert making_it.state is OperationState.CANCELLED
        operation_id = retry_operation(ACTOR, making_it.id, wake=False).id
    with pytest.raises(UnknownHospital):
        perform(operation_id)
    assert own_orphans() == []


@pytest.mark.parametrize("step", ["_stop", "_undo", "_free"])
def test_giving_up_that_stops_goes_on(stopped: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.tenancy.ending import abandoning

    done = getattr(abandoning, step)

    def do_and_die(*args: Any) -> None:
        done(*args)
        raise Broken

    operation_id = asked(request_abandoning, stopped)
    with monkeypatch.context() as patched:
        patched.setattr(abandoning, step, do_and_die)
        with pytest.raises(Broken):
            perform(operation_id)
    with unit_of_work():
        retry_operation(ACTOR, operation_id, wake=False)
    perform(operation_id)
    request()
    assert hospital_of(DELTA).status is HospitalStatus.PROVISIONING


def test_while_somebody_makes_it_it_is_not_given_up(stopped: str) -> None:
    operation_id = asked(request_abandoning, stopped)
    with holding_hospital(hospital_of(stopped).id, "hospital.create"), pytest.raises(HospitalBusy):
        perform(operation_id)


def test_a_hospital_that_serves_is_not_given_up(alpha: str, context: Flask) -> None:
    tenancy().registry.forget()
    with pytest.raises(NotInThisState):
        asked(request_abandoning, alpha)
