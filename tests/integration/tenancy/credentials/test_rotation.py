"""Credentials are replaced while people work: no request fails, the old role ends, nothing is left behind."""

from __future__ import annotations

import http.client
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.cli.run import gunicorn
from app.core import clock
from app.core.embedded.ports import find_free
from app.core.supervisor import answers
from app.core.unit_of_work import unit_of_work
from app.jobs.credentials import drop_replaced_logins
from app.tenancy.binding import tenancy
from app.tenancy.cluster import role_exists
from app.tenancy.credentials import rotation
from app.tenancy.credentials.errors import NewLoginRefused, ServerAway, SomeFailed
from app.tenancy.credentials.retirement import drop_due_logins
from app.tenancy.credentials.rotation import ROTATE_FLEET, ROTATE_HOSPITAL, login_of
from app.tenancy.engines import connect
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.leases import give_back, take_hospitals
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation, retry_operation
from app.tenancy.models import HospitalDatabase, Operation, OperationState, PlatformAuditEntry, RetiredLogin
from app.tenancy.queries import get_hospital
from app.tenancy.registry import Whereabouts
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR, Platform

ROOT = Path(__file__).parents[4]
TODAY = "/h/alpha/hospital/today"
RoleOf = Callable[[str], str]


@contextmanager
def another_process(platform: Platform) -> Iterator[int]:
    """Run the platform's web server as production does, with two processes; give its port."""
    port = find_free()
    environment = {**os.environ, **platform.environment(port), "LOG_LEVEL": "ERROR", "WEB_CONCURRENCY": "2"}
    environment.pop("DATABASE_ADMIN_URL")
    with subprocess.Popen(gunicorn(port), env=environment, cwd=ROOT) as process:
        try:
            limit = time.monotonic() + 60
            while not answers(f"http://127.0.0.1:{port}/healthz"):
                assert time.monotonic() < limit, "the web server does not start"
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


class Traffic:
    """Sixteen people who look at the day's list again and again: half of them here, half in other processes."""

    def __init__(self, app: Flask, cookie: tuple[str, str], port: int) -> None:
        self.answers: Counter[int | str] = Counter()
        self._app, self._cookie, self._port = app, cookie, port
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        reads = [self._here] * 8 + [self._there] * 8
        self._threads = [threading.Thread(target=self._run, args=(read,)) for read in reads]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)

    def served(self) -> int:
        """Return how many requests were answered."""
        with self._lock:
            return self.answers.total()

    def _run(self, read: Callable[[], int]) -> None:
        while not self._stopped.is_set():
            try:
                answer: int | str = read()
            except Exception as error:
                answer = repr(error)
            with self._lock:
                self.answers[answer] += 1

    def _here(self) -> int:
        client = self._app.test_client()
        client.set_cookie(self._cookie[0], self._cookie[1], path="/h/alpha")
        return client.get(TODAY).status_code

    def _there(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", TODAY, headers={"Cookie": "=".join(self._cookie)})
            return connection.getresponse().status
        finally:
            connection.close()


def test_nobody_notices_that_credentials_are_replaced_again_and_again(
    platform: Platform, context: Flask, sign_in_staff: Any, alpha: str, performed: Any, role_of: RoleOf
) -> None:
    browser: CheckingClient = sign_in_staff(alpha, "doctor")
    name = "vien-hospital-alpha"
    cookie = browser.get_cookie(name, path="/h/alpha")
    assert cookie is not None
    roles = [role_of(alpha)]
    with another_process(platform) as port, Traffic(context, (name, cookie.value), port) as traffic:
        for _ in range(5):
            seen = traffic.served()
            performed(ROTATE_HOSPITAL, alpha)
            roles.append(role_of(alpha))
            wait_for(lambda seen=seen: traffic.served() > seen + 40)
    assert set(traffic.answers) == {200}, traffic.answers
    assert len(set(roles)) == 6


def test_the_old_role_is_refused_once_its_time_is_over(
    platform: Platform, context: Flask, alpha: str, performed: Any, role_of: RoleOf
) -> None:
    before = place_of(alpha)
    holding = connect(before, 60)
    holding.autocommit = True
    performed(ROTATE_HOSPITAL, alpha)
    assert role_of(alpha) != before.role
    with connect(before, 60):
        pass  # still good: who knows it goes on
    drop_replaced_logins()
    assert exists(platform, before.role), "its time is not over"
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        assert drop_due_logins(ACTOR) == 1
        assert drop_due_logins(ACTOR) == 0
    assert not exists(platform, before.role)
    with pytest.raises(psycopg.OperationalError):
        holding.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        connect(before, 60)
    with connect(place_of(alpha), 60) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_password_whose_key_is_lost_is_replaced_by_a_new_one(context: Flask, alpha: str, performed: Any) -> None:
    hospital_id = tenancy().registry.get_by_code(alpha).id
    with unit_of_work() as session:
        lost = sa.update(HospitalDatabase).where(HospitalDatabase.hospital_id == hospital_id)
        session.execute(lost.values(password_key_id="lost"))
    performed(ROTATE_HOSPITAL, alpha)
    with connect(place_of(alpha), 60) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_work_that_began_under_the_old_role_is_spared_for_half_a_day(
    platform: Platform, context: Flask, alpha: str, performed: Any
) -> None:
    before = place_of(alpha)
    with connect(before, 60) as long_work:
        long_work.execute("SELECT 1")  # a transaction stays open
        performed(ROTATE_HOSPITAL, alpha)
        with clock.frozen_at(clock.now() + timedelta(hours=2)):
            assert drop_due_logins(ACTOR) == 0
        with clock.frozen_at(clock.now() + timedelta(hours=14)):
            assert drop_due_logins(ACTOR) == 1
        with pytest.raises(psycopg.OperationalError):
            long_work.execute("SELECT 1")


def test_the_new_role_has_the_limits_of_the_old_and_no_right_more(
    platform: Platform, context: Flask, alpha: str, performed: Any, role_of: RoleOf
) -> None:
    facts = (
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit, rolconfig,"
        " ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid AND roleid::regrole::text LIKE"
        " 'vien%%') FROM pg_roles r WHERE rolname = %s"
    )
    old = role_of(alpha)
    performed(ROTATE_HOSPITAL, alpha)
    with platform.cluster.connect() as connection:
        rows = [connection.execute(facts, (role,)).fetchone() for role in (old, role_of(alpha))]
    assert rows[0] == rows[1]
    assert rows[1] is not None
    assert rows[1][5] == 40


def test_a_rotation_is_written_down_without_the_password(
    context: Flask, alpha: str, performed: Any, role_of: RoleOf
) -> None:
    old = role_of(alpha)
    performed(ROTATE_HOSPITAL, alpha)
    with unit_of_work() as session:
        entry = session.scalars(
            sa.select(PlatformAuditEntry).where(PlatformAuditEntry.action == "credentials.rotate")
        ).one()
        retired = session.scalars(sa.select(RetiredLogin)).one()
        said = f"{entry.changes}{session.scalars(sa.select(Operation.result)).all()}"
    assert entry.changes == {"login_role": [old, role_of(alpha)]}
    assert timedelta(minutes=59) < retired.drop_after - retired.retired_at <= timedelta(hours=1)
    assert place_of(alpha).password not in said


@pytest.mark.parametrize("moment", ["make_login", "switch_to", "_try", "record_platform_change"])
def test_a_rotation_that_is_killed_goes_on_with_the_same_role(
    platform: Platform, context: Flask, alpha: str, role_of: RoleOf, monkeypatch: Any, moment: str
) -> None:
    old, known = role_of(alpha), roles_on(platform)
    wanted = ask(ROTATE_HOSPITAL, alpha)

    class Killed(BaseException):
        pass

    def die(*_args: Any, **_facts: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(rotation, moment, die)
        with pytest.raises(Killed):
            perform(wanted)
    assert role_of(alpha) == old
    perform(wanted)
    new = role_of(alpha)
    assert new != old
    assert roles_on(platform) - known == {new}, "nothing is left behind"


def test_a_rotation_killed_after_the_switch_switches_once(
    context: Flask, alpha: str, role_of: RoleOf, monkeypatch: Any
) -> None:
    wanted = ask(ROTATE_HOSPITAL, alpha)
    switch = rotation.switch_to

    class Killed(BaseException):
        pass

    def die_afterwards(*args: Any) -> Any:
        switch(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(rotation, "switch_to", die_afterwards)
        with pytest.raises(Killed):
            perform(wanted)
    new = role_of(alpha)
    perform(wanted)
    assert role_of(alpha) == new
    with unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(RetiredLogin)) == 1


def test_a_role_that_is_not_accepted_is_taken_back_and_the_old_one_stays(
    platform: Platform, context: Flask, alpha: str, role_of: RoleOf, monkeypatch: Any
) -> None:
    old, known = role_of(alpha), roles_on(platform)
    wanted = ask(ROTATE_HOSPITAL, alpha)

    def refuse(place: Whereabouts, _timeout: int) -> Any:
        return connect(replace(place, database="nowhere"), 60)

    with monkeypatch.context() as patch:
        patch.setattr(rotation, "connect", refuse)
        with pytest.raises(NewLoginRefused):
            perform(wanted)
    assert (role_of(alpha), roles_on(platform)) == (old, known)
    assert not exists(platform, login_of(wanted, get_hospital(alpha).id))
    with unit_of_work():
        retry_operation(ACTOR, wanted, wake=False)
    perform(wanted)
    assert role_of(alpha) != old


def test_a_server_that_is_away_is_named_and_nothing_is_changed(
    context: Flask, alpha: str, role_of: RoleOf, monkeypatch: Any
) -> None:
    old = role_of(alpha)
    wanted = ask(ROTATE_HOSPITAL, alpha)

    def away(*_args: Any) -> None:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(rotation, "_write_login", away)
    with pytest.raises(ServerAway, match="main"):
        perform(wanted)
    with unit_of_work() as session:
        row = session.get_one(Operation, wanted)
        assert (row.state, bool(row.remedy)) == (OperationState.FAILED, True)
    assert role_of(alpha) == old


def test_the_whole_fleet_is_rotated_and_the_rest_by_another_try(
    context: Flask, alpha: str, beta: str, role_of: RoleOf, monkeypatch: Any
) -> None:
    before = {code: role_of(code) for code in (alpha, beta)}
    make = rotation.make_login
    beta_id = tenancy().registry.get_by_code(beta).id

    def fail_for_beta(hospital_id: UUID, role: str) -> Any:
        if hospital_id == beta_id:
            raise ServerAway("hanoi")
        return make(hospital_id, role)

    wanted = ask(ROTATE_FLEET)
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "make_login", fail_for_beta)
        with pytest.raises(SomeFailed) as failed:
            perform(wanted)
    assert (failed.value.done, set(failed.value.failed)) == (1, {beta})
    after = {code: role_of(code) for code in (alpha, beta)}
    assert after[alpha] != before[alpha]
    assert after[beta] == before[beta]
    with unit_of_work():
        retry_operation(ACTOR, wanted, wake=False)
    assert perform(wanted) == {"rotated": 2}
    assert role_of(alpha) == after[alpha], "what was done is not done again"
    assert role_of(beta) != before[beta]


def test_a_hospital_that_is_being_changed_is_left_alone(
    context: Flask, alpha: str, beta: str, role_of: RoleOf, monkeypatch: Any
) -> None:
    monkeypatch.setattr(rotation, "BUSY_PAUSE_SECONDS", 0)
    before = role_of(alpha)
    assert take_hospitals([tenancy().registry.get_by_code(alpha).id], "somebody:1:x", "test")
    try:
        with pytest.raises(SomeFailed) as failed:
            perform(ask(ROTATE_FLEET))
        with pytest.raises(HospitalBusy):
            perform(ask(ROTATE_HOSPITAL, alpha))
    finally:
        give_back("somebody:1:x")
    assert set(failed.value.failed) == {alpha}
    assert role_of(alpha) == before


def ask(kind: str, code: str | None = None) -> UUID:
    with unit_of_work():
        return request_operation(ACTOR, kind, hospital=get_hospital(code) if code else None, wake=False).id


def place_of(code: str) -> Whereabouts:
    """Return where a hospital's database is, as the registry says now."""
    tenancy().registry.forget()
    place = tenancy().registry.get_by_code(code).whereabouts
    assert place is not None
    return place


def roles_on(platform: Platform) -> set[str]:
    """Return the roles for which this platform's databases were opened, and no others."""
    query = (
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'vh\\_%%' AND (SELECT bool_and(d.datname = ANY (%s))"
        " FROM pg_database d WHERE d.datallowconn AND has_database_privilege(pg_roles.oid, d.oid, 'CONNECT'))"
        " IS TRUE"
    )
    with platform.cluster.connect() as connection:
        return {row[0] for row in connection.execute(query, (list(platform.databases.values()),)).fetchall()}


def exists(platform: Platform, role: str) -> bool:
    with platform.cluster.connect() as connection:
        return role_exists(connection, role)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something has happened; fail when it does not in a minute."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)
