"""The session sends each statement to the database of its history, and one unit of work writes to one database."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.access_mode import WriteInReadOnlyUnit, is_read_only, reading, set_read_only, writing
from app.core.db import WHILE_READING, CannotRoute, WriteAcrossHistories, db
from app.core.errors import InvalidValue
from app.core.unit_of_work import apart, unit_of_work
from app.domain.identity.models import Role, StaffUser
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from app.tenancy.models import Hospital, SyncCursor
from tests.factories import make_patient, make_staff

COUNT = sa.select(sa.func.count()).select_from(Patient)


def cursor_of(hospital: Any, consumer: str = "test") -> SyncCursor:
    return SyncCursor(hospital_id=hospital.id, consumer=consumer, updated_at=sa.func.now())


def test_each_history_is_asked_in_its_own_database(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha):
        central = db.session.scalar(sa.select(sa.func.current_database()).select_from(Hospital).limit(1))
        own = db.session.scalar(sa.select(sa.func.current_database()).select_from(Role).limit(1))
    assert central != own


def test_a_statement_over_both_histories_goes_nowhere(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha), pytest.raises(CannotRoute):
        db.session.execute(sa.select(Hospital.__table__.c.id, Patient.__table__.c.id))


@pytest.mark.parametrize("first", ["central", "hospital"])
@pytest.mark.parametrize("how", ["objects", "statements", "mixed"])
def test_one_unit_of_work_writes_to_one_history(app: Flask, bound: Any, alpha: str, first: str, how: str) -> None:
    def write_centre(hospital: Any) -> None:
        if how == "statements":
            db.session.execute(sa.update(SyncCursor).values(position=1))
        else:
            db.session.add(cursor_of(hospital))
            db.session.flush()

    def write_hospital(_hospital: Any) -> None:
        if how == "objects":
            make_patient()
        else:
            db.session.execute(sa.update(Patient).values(full_name="x"))

    steps = [write_centre, write_hospital] if first == "central" else [write_hospital, write_centre]
    with app.app_context(), bind_hospital(alpha) as hospital, unit_of_work():
        steps[0](hospital)
        with pytest.raises(WriteAcrossHistories):
            steps[1](hospital)
        db.session.rollback()
    with bound(alpha):
        assert db.session.scalar(COUNT) == 0
        assert db.session.scalar(sa.select(sa.func.count()).select_from(SyncCursor)) == 0


def test_the_next_unit_may_write_to_the_other_history(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha) as hospital:
        with unit_of_work():
            make_patient()
        with unit_of_work() as session:
            session.add(cursor_of(hospital))
        with pytest.raises(ZeroDivisionError), unit_of_work():
            make_patient()
            _ = 1 / 0
        with unit_of_work() as session:
            session.add(cursor_of(hospital, "second"))


def test_a_unit_that_fails_leaves_nothing_and_the_session_is_usable(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha):
        with pytest.raises(ZeroDivisionError), unit_of_work():
            make_patient()
            _ = 1 / 0
        with pytest.raises(sa.exc.IntegrityError), unit_of_work() as session:
            make_patient()
            session.add(Patient(full_name=None))  # type: ignore[arg-type]
        with unit_of_work() as session:
            assert session.scalar(COUNT) == 0


def test_a_savepoint_that_fails_does_not_take_the_unit_with_it(bound: Any, alpha: str) -> None:
    with bound(alpha):
        make_staff("doctor", username="taken")
        with pytest.raises(InvalidValue):
            make_staff("doctor", username="taken")
        make_patient()
    with bound(alpha):
        assert db.session.scalar(COUNT) == 1
        assert db.session.scalar(sa.select(sa.func.count()).select_from(StaffUser)) == 1


def test_what_is_done_apart_stays_when_the_unit_fails(app: Flask, bound: Any, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha), pytest.raises(ZeroDivisionError), unit_of_work():
        make_patient(full_name="Lost")
        with apart() as session:
            session.add(Patient(full_name="Kept", born_on=sa.func.current_date(), sex="male"))
        _ = 1 / 0
    with bound(alpha):
        assert list(db.session.scalars(sa.select(Patient.full_name))) == ["Kept"]


def test_while_reading_no_transaction_is_begun_and_nothing_is_written(app: Flask, bound: Any, alpha: str) -> None:
    with bound(alpha):
        make_patient(full_name="As it was")
    with app.app_context(), bind_hospital(alpha), reading():
        assert db.session.scalar(COUNT) == 1
        driver = db.session.connection(bind_arguments={"mapper": Patient}).connection.driver_connection
        assert driver.info.transaction_status == 0  # type: ignore[union-attr]
        with pytest.raises(WriteInReadOnlyUnit):
            make_patient()
        db.session.rollback()
        for statement in (sa.update(Patient).values(full_name="x"), sa.delete(Patient), sa.insert(Patient)):
            with pytest.raises(WriteInReadOnlyUnit):
                db.session.execute(statement)
    with bound(alpha):
        assert list(db.session.scalars(sa.select(Patient.full_name))) == ["As it was"]


def test_what_may_be_written_while_reading_says_so_itself(app: Flask, bound: Any, alpha: str) -> None:
    with bound(alpha):
        make_patient()
    with app.app_context(), bind_hospital(alpha), reading():
        db.session.execute(sa.update(Patient).values(full_name="let through"), execution_options=WHILE_READING)
    with bound(alpha):
        assert list(db.session.scalars(sa.select(Patient.full_name))) == ["let through"]


def test_the_mode_ends_with_its_block_even_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), reading():
        with writing():
            assert not is_read_only()
        assert is_read_only()
        _ = 1 / 0
    assert not is_read_only()
    undo = set_read_only(True)
    assert is_read_only()
    undo()
    assert not is_read_only()


def test_a_connection_that_read_without_transactions_writes_with_them_afterwards(
    app: Flask, bound: Any, alpha: str
) -> None:
    for _ in range(3):
        with app.app_context(), bind_hospital(alpha):
            with reading():
                db.session.scalar(COUNT)
                db.session.rollback()
            with pytest.raises(ZeroDivisionError), unit_of_work():
                make_patient()
                _ = 1 / 0
    with bound(alpha):
        assert db.session.scalar(COUNT) == 0
