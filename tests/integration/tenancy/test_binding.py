"""One unit of work belongs to one hospital; there is no other way to a hospital's data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import CannotRoute, WriteAcrossHistories, db
from app.core.unit_of_work import unit_of_work
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, find_bound_hospital, tenancy
from app.tenancy.errors import HospitalAlreadyBound, NoHospitalBound, UnknownHospital, WrongDatabase
from app.tenancy.models import SyncCursor
from tests.factories import make_patient
from tests.support.platform import Platform

pytestmark = pytest.mark.xdist_group("whole server")


def test_a_hospitals_table_is_out_of_reach_while_none_is_bound(app: Flask) -> None:
    with app.app_context(), pytest.raises(NoHospitalBound):
        db.session.scalar(sa.select(sa.func.count()).select_from(Patient))


def test_a_second_hospital_is_not_bound_inside_the_first(app: Flask, alpha: str, beta: str) -> None:
    with app.app_context(), bind_hospital(alpha), pytest.raises(HospitalAlreadyBound), bind_hospital(beta):
        pass


def test_the_binding_ends_when_an_error_leaves_it(app: Flask, alpha: str) -> None:
    with app.app_context():
        with pytest.raises(ZeroDivisionError), bind_hospital(alpha):
            _ = 1 / 0
        assert find_bound_hospital() is None


def test_an_unknown_hospital_is_not_bound(app: Flask) -> None:
    with app.app_context(), pytest.raises(UnknownHospital), bind_hospital("nowhere"):
        pass


def test_what_one_hospital_knows_the_other_does_not(app: Flask, bound, alpha: str, beta: str) -> None:
    with bound(alpha):
        make_patient()
    with bound(beta):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) == 0


def test_text_that_names_no_table_goes_nowhere(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha), pytest.raises(CannotRoute):
        db.session.execute(sa.text("SELECT 1"))


def test_a_unit_of_work_writes_to_one_database_only(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha) as hospital, pytest.raises(WriteAcrossHistories), unit_of_work():
        make_patient()
        db.session.add(SyncCursor(hospital_id=hospital.id, consumer="test", updated_at=sa.func.now()))
        db.session.flush()


def test_a_hospitals_role_cannot_connect_to_another_hospitals_database(platform: Platform, app: Flask) -> None:
    with app.app_context():
        alpha_place = tenancy().registry.get_by_code("alpha").whereabouts
        beta_place = tenancy().registry.get_by_code("beta").whereabouts
        for database in (beta_place.database, platform.central_name, "postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(
                    host=alpha_place.host,
                    port=alpha_place.port,
                    user=alpha_place.role,
                    password=alpha_place.password,
                    dbname=database,
                )


def test_a_database_of_another_hospital_refuses_to_serve(platform: Platform, app: Flask, alpha: str, beta: str) -> None:
    own, other = platform.databases[alpha], platform.databases[beta]
    with misplaced(platform, own, other), app.app_context(), bind_hospital(alpha), pytest.raises(WrongDatabase):
        db.session.scalar(sa.select(sa.func.count()).select_from(Patient))


@contextmanager
def misplaced(platform: Platform, own: str, other: str) -> Iterator[None]:
    """Exchange two hospitals' databases in the register, and let everybody connect to the second."""
    exchange = (
        "UPDATE hospital_databases SET database_name = 'nowhere' WHERE database_name = %(own)s",
        "UPDATE hospital_databases SET database_name = %(own)s WHERE database_name = %(other)s",
        "UPDATE hospital_databases SET database_name = %(other)s WHERE database_name = 'nowhere'",
    )

    def do_exchange(verb: str, preposition: str) -> None:
        with platform.admin() as connection:
            for statement in exchange:
                connection.execute(statement, {"own": own, "other": other})
            connection.execute(f'{verb} CONNECT ON DATABASE "{other}" {preposition} PUBLIC')
        with platform.app.app_context():
            tenancy().registry.forget()

    do_exchange("GRANT", "TO")
    try:
        yield
    finally:
        do_exchange("REVOKE", "FROM")
