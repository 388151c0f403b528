"""A hospital's database is exchanged for another and back, and nobody writes into the one that is left."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy import pausing
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.cluster import Cluster, create_login, new_password, revoke_public
from app.tenancy.engines import connect
from app.tenancy.errors import HospitalPaused
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.making import CONNECTION_LIMIT, copy_database
from app.tenancy.models import Hospital, HospitalDatabase, RetiredDatabase, SyncCursor
from app.tenancy.pausing import Home, find_home, lift_left_pauses, open_database, paused
from app.tenancy.swapping import MOVE, RESTORE, NewHome, drop_due_databases, exchange, list_retired
from tests.support.platform import ACTOR, Platform


@pytest.fixture
def gamma(app: Flask, platform: Platform) -> str:
    """A further hospital, dropped after the test with everything that was made of it."""
    platform.create_hospital("gamma")
    return "gamma"


def hospital_id(code: str) -> UUID:
    with unit_of_work() as session:
        return session.scalars(sa.select(Hospital.id).where(Hospital.code == code)).one()


def copy_of(platform: Platform, code: str) -> NewHome:
    """Copy a hospital's database, while nobody is connected to it, as a restore would make one."""
    tenancy().engines.dispose()
    name, role, password = f"{platform.databases[code]}_2", f"{platform.databases[code]}_r2", new_password()
    with unit_of_work() as session:
        cluster_id = session.scalars(sa.select(HospitalDatabase.cluster_id)).first()
    assert cluster_id is not None
    with platform.cluster.connect() as connection:
        copy_database(connection, name, platform.databases[code])
        revoke_public(connection, name)
        create_login(connection, role, password, member_of="vien_app", limit=CONNECTION_LIMIT)
    return NewHome(cluster_id, name, role, password, None)


def swap(platform: Platform, code: str, **choices: Any) -> NewHome:
    home = copy_of(platform, code)
    with paused(hospital_id(code)):
        exchange(ACTOR, hospital_id(code), home, **{"reason": RESTORE, "other_data": True, **choices})
    return home


def database_of(code: str) -> str:
    with bind_hospital(code) as hospital:
        assert hospital.whereabouts is not None
        with connect(hospital.whereabouts, 3) as connection:
            row = connection.execute("SELECT current_database() FROM hospital_info").fetchone()
    assert row is not None
    return str(row[0])


def test_a_paused_hospital_is_not_served_and_says_that_it_takes_seconds(app: Flask, gamma: str) -> None:
    with app.app_context():
        with paused(hospital_id(gamma)):
            with pytest.raises(HospitalPaused), bind_hospital(gamma):
                pass
            response = app.test_client().get("/h/gamma/hospital/sign-in")
            assert response.status_code == 503
            assert response.headers["Retry-After"] == "5"
        assert app.test_client().get("/h/gamma/hospital/sign-in").status_code == 200


def test_whoever_still_writes_in_a_paused_hospital_is_cut_off(app: Flask, gamma: str) -> None:
    with app.app_context():
        place = tenancy().registry.get_by_code(gamma).whereabouts
        assert place is not None
        with connect(place, 3) as slow:
            slow.execute("INSERT INTO settings (key, value) VALUES ('left', '1')")
            with paused(hospital_id(gamma)):
                with pytest.raises(psycopg.OperationalError):
                    slow.commit()
                with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                    connect(place, 3)
        with connect(place, 3) as again:
            assert again.execute("SELECT count(*) FROM settings WHERE key = 'left'").fetchone() == (0,)


def test_an_exchange_takes_effect_at_the_next_request_and_keeps_the_old_database(
    app: Flask, platform: Platform, gamma: str
) -> None:
    with app.app_context():
        before = database_of(gamma)
        home = swap(platform, gamma)
        assert database_of(gamma) == home.database
        with unit_of_work():
            (kept,) = list_retired(hospital_id(gamma))
        assert (kept.database_name, kept.reason) == (before, RESTORE)
        assert kept.drop_after > clock.now() + timedelta(days=6)
        assert drop_due_databases(ACTOR) == []


def test_what_the_centre_heard_is_forgotten_with_other_data_only(app: Flask, platform: Platform, gamma: str) -> None:
    with app.app_context():
        with unit_of_work() as session:
            session.add(
                SyncCursor(hospital_id=hospital_id(gamma), consumer="centre", position=9, updated_at=clock.now())
            )
        swap(platform, gamma, other_data=False, reason=MOVE)
        with unit_of_work() as session:
            assert session.scalars(sa.select(SyncCursor.position)).all() == [9]
        home = find_home(hospital_id(gamma))
        assert home is not None
        with unit_of_work() as session:
            old = session.scalars(sa.select(RetiredDatabase)).one()
            back = NewHome(old.cluster_id, old.database_name, old.login_role, "another password", None)
        with paused(hospital_id(gamma)):
            exchange(ACTOR, hospital_id(gamma), back, reason=RESTORE, other_data=True)
        with unit_of_work() as session:
            assert session.scalars(sa.select(SyncCursor.position)).all() == []
            assert session.get_one(RetiredDatabase, old.id).brought_back_at is not None


def test_requests_during_an_exchange_see_the_old_database_the_new_one_or_a_pause(
    app: Flask, platform: Platform, gamma: str
) -> None:
    stop, seen, strange = threading.Event(), set(), []

    def ask() -> None:
        browser = app.test_client()
        while not stop.is_set():
            response = browser.get("/h/gamma/hospital/sign-in")
            seen.add(response.status_code)
            if response.status_code not in (200, 503):
                strange.append(response.get_data(as_text=True))

    with app.app_context():
        home = copy_of(platform, gamma)
        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        with paused(hospital_id(gamma)):
            exchange(ACTOR, hospital_id(gamma), home, reason=RESTORE, other_data=True)
        assert database_of(gamma) == home.database
        stop.set()
        for asker in askers:
            asker.join()
    assert not strange
    assert seen <= {200, 503}


def test_a_pause_that_a_dead_process_left_is_lifted(app: Flask, platform: Platform, gamma: str) -> None:
    with app.app_context():
        whose = hospital_id(gamma)
        broken = paused(whose)
        broken.__enter__()
        with holding_hospital(whose, "test"):
            assert lift_left_pauses() == []
        assert lift_left_pauses() == [gamma]
        assert database_of(gamma) == platform.databases[gamma]
        broken.gen.close()  # type: ignore[attr-defined]


def test_a_retired_database_is_dropped_with_its_role_when_its_time_is_over(
    app: Flask, platform: Platform, gamma: str
) -> None:
    with app.app_context():
        before = database_of(gamma)
        swap(platform, gamma)
        with unit_of_work() as session:
            retired = session.scalars(sa.select(RetiredDatabase)).one()
            retired.drop_after, role = clock.now() - timedelta(hours=1), retired.login_role
        assert drop_due_databases(ACTOR, dry_run=True) == [before]
        assert drop_due_databases(ACTOR) == [before]
        with platform.cluster.connect() as connection:
            left = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (before,)).fetchone()
            assert left is None
            assert connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None
        with unit_of_work():
            assert list_retired() == []


def test_a_server_that_is_gone_does_not_keep_a_hospital_from_its_new_database(
    app: Flask, platform: Platform, gamma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Cluster("postgresql://nobody:x@127.0.0.1:1/postgres")
    with app.app_context():
        home = copy_of(platform, gamma)
        with monkeypatch.context() as patched:
            patched.setattr(pausing, "administer", lambda _place: away)
            patched.setattr(pausing.time, "sleep", lambda _seconds: None)
            with pytest.raises(psycopg.OperationalError), paused(hospital_id(gamma)):
                pass
            with paused(hospital_id(gamma), old_may_be_gone=True):
                exchange(ACTOR, hospital_id(gamma), home, reason=RESTORE, other_data=True)
        open_database(Home(platform.cluster, home.database, home.role))
        assert database_of(gamma) == home.database
