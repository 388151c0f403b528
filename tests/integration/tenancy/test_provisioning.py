"""A hospital is made once, whatever happens on the way: the same call goes on where the last one stopped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.domain.identity.administrators import first_administrator
from app.domain.identity.models import Role, StaffUser
from app.tenancy import making
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.errors import HospitalExists, HospitalNotReady, UnknownHospital
from app.tenancy.ledger.errors import OperationTaken
from app.tenancy.making import STEPS, provision_hospital
from app.tenancy.models import (
    Hospital,
    HospitalAdministrator,
    HospitalStatus,
    Operation,
    OperationStep,
    StepState,
)
from app.tenancy.provisioning import HospitalRequest, check_code, list_unfinished, request_hospital
from tests.factories.people import PASSWORD
from tests.support.platform import ACTOR, Platform

WORK = {
    "place": "_choose_place",
    "database": "_create_database",
    "identity": "_claim",
    "administrator": "_hand_over",
    "activate": "_activate",
}


class Killed(BaseException):
    """The process ends: nobody catches this to tidy up."""


class Broken(Exception):
    """A step fails."""


def request(code: str = "gamma") -> None:
    person = first_administrator(username="first.admin", full_name="Quản trị", password=PASSWORD)
    with unit_of_work():
        request_hospital(ACTOR, HospitalRequest(code=code, name="Gamma", display_name="Gamma", administrator=person))


def provision(code: str = "gamma") -> None:
    provision_hospital(ACTOR, code)


def made(platform: Platform) -> dict[str, int]:
    """Count what exists of gamma: its databases, its roles, and the people and roles inside."""
    with platform.admin() as central:
        places = central.execute(
            "SELECT database_name, login_role FROM hospital_databases d JOIN hospitals h ON h.id = d.hospital_id"
            " WHERE h.code = 'gamma'"
        ).fetchall()
    with platform.cluster.connect() as connection:
        databases = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'vh\\_%'").fetchall()
        roles = connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)", ([place[1] for place in places],)
        ).fetchone()
    assert roles is not None
    return {
        "places": len(places),
        "databases": sum(row[0] in {place[0] for place in places} for row in databases),
        "roles": roles[0],
    }


@pytest.mark.parametrize("fault", [Broken, Killed])
@pytest.mark.parametrize("step", STEPS)
def test_what_stopped_after_any_step_goes_on_from_there(
    app: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch, step: str, fault: type[BaseException]
) -> None:
    work = getattr(making, WORK[step])

    def work_and_fail(*args: Any) -> None:
        work(*args)
        raise fault("postgresql://web:hunter2@db\nand more")

    with app.app_context():
        request()
        with monkeypatch.context() as patched, pytest.raises(fault):
            patched.setattr(making, WORK[step], work_and_fail)
            provision()
        provision()
        provision()
        with unit_of_work() as session:
            hospital = session.scalars(sa.select(Hospital).where(Hospital.code == "gamma")).one()
            assert hospital.status is HospitalStatus.ACTIVE
            states = dict(
                session.execute(
                    sa.select(OperationStep.step, OperationStep.state)
                    .join(Operation, Operation.id == OperationStep.operation_id)
                    .where(Operation.hospital_id == hospital.id)
                ).all()
            )
            assert session.scalars(sa.select(HospitalAdministrator.password_hash)).one() is None
        assert states == dict.fromkeys(STEPS, StepState.DONE)
        with bind_hospital("gamma"):
            assert db.session.scalar(sa.select(sa.func.count()).select_from(StaffUser)) == 1
            assert db.session.scalar(sa.select(sa.func.count(sa.distinct(Role.code)))) == db.session.scalar(
                sa.select(sa.func.count()).select_from(Role)
            )
    assert made(platform) == {"places": 1, "databases": 1, "roles": 1}


def test_a_failed_step_is_written_down_without_its_details(
    app: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> None:
        raise Broken("no space left\nCREATE ROLE x PASSWORD 'hunter2'")

    monkeypatch.setattr(making, "_create_database", fail)
    with app.app_context():
        request()
        with pytest.raises(Broken):
            provision()
        with unit_of_work() as session:
            row = session.scalars(
                sa.select(OperationStep)
                .where(OperationStep.step == "database")
                .order_by(OperationStep.id.desc())
                .limit(1)
            ).one()
            assert (row.state, row.error) == (StepState.FAILED, "Broken: no space left")


def test_until_it_is_made_nobody_is_served_and_the_schedule_finds_it(
    app: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        request()
        with pytest.raises(HospitalNotReady), bind_hospital("gamma"):
            pass
        assert list_unfinished() == ["gamma"]
    assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 503
    with app.app_context():
        provision()
        assert list_unfinished() == []
    assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 200


def test_two_that_make_a_hospital_at_once_make_one(app: Flask, platform: Platform) -> None:
    with app.app_context():
        request()

    def make(_number: int) -> None:
        with app.app_context(), suppress(OperationTaken):
            provision()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, range(2)))
    assert made(platform) == {"places": 1, "databases": 1, "roles": 1}


def test_the_lease_is_given_back_whatever_happens(
    app: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> None:
        raise Killed

    with app.app_context():
        request()
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(making, "_choose_place", fail)
            provision()
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    with platform.admin() as connection:
        held = connection.execute("SELECT count(*) FROM hospital_leases").fetchone()
    assert held == (0,)


def test_what_was_never_asked_for_is_not_made(app: Flask, platform: Platform) -> None:
    with app.app_context(), pytest.raises(UnknownHospital):
        provision("nowhere")


def test_a_code_is_given_once(app: Flask, platform: Platform) -> None:
    with app.app_context():
        request()
        with pytest.raises(HospitalExists):
            request()


@pytest.mark.parametrize("code", ["", "ab", "Abc", "abc\n", "a b c", "1abc", "abc-", "bệnh", "x" * 41, "admin", "h"])
def test_a_code_that_cannot_be_an_address_is_refused(code: str) -> None:
    with pytest.raises(InvalidValue):
        check_code(code)


def test_every_hospital_has_a_place_and_a_password_of_its_own(app: Flask, alpha: str, beta: str) -> None:
    with app.app_context():
        first, second = (tenancy().registry.get_by_code(code).whereabouts for code in (alpha, beta))
    assert first is not None
    assert second is not None
    assert {first.database, first.role, first.password}.isdisjoint({second.database, second.role, second.password})
