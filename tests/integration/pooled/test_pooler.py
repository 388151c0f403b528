"""What only shows through a pooler: nothing is kept in sessions, nothing prepared, nobody led to another hospital."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.access_mode import reading
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.patients.models import Patient
from app.jobs.lease import Lease
from app.tenancy.announcements import start_listening
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.errors import WrongDatabase
from app.tenancy.health import check_hospital
from app.tenancy.making import provision_hospital
from app.tenancy.models import HealthStatus
from app.tenancy.pooling import list_pooler_users
from tests.factories import make_patient
from tests.integration.jobs.conftest import away, until
from tests.integration.pooled.conftest import reconfigure
from tests.support.platform import ACTOR, Platform
from tests.support.pooler import POOL_SIZE, Pooler

pytestmark = pytest.mark.pgbouncer
THREADS = 16


def scalar(statement: str) -> Any:
    return db.session.scalar(sa.text(statement), bind_arguments={"mapper": Patient})


def servers_of(platform: Platform, code: str) -> list[tuple[int, str]]:
    """Return the server's own connections to a hospital's database, with the port of who opened each."""
    with platform.cluster.connect() as connection:
        return connection.execute(
            "SELECT pid, client_port FROM pg_stat_activity WHERE datname = %s AND usename <> current_user",
            (platform.databases[code],),
        ).fetchall()


@pytest.fixture
def direct(pooler: Pooler, platform: Platform, app: Flask, alpha: str) -> Iterator[psycopg.Connection[Any]]:
    """A bare client of the pooler as alpha's role, in autocommit."""
    with app.app_context():
        place = tenancy().registry.get_by_code(alpha).whereabouts
    assert place is not None
    with psycopg.connect(
        host="127.0.0.1", port=pooler.port, dbname=place.database, user=place.role, password=place.password,
        prepare_threshold=None, autocommit=True,
    ) as connection:  # fmt: skip
        yield connection


def test_sixteen_threads_of_two_hospitals_share_a_few_server_connections(
    app: Flask, platform: Platform, pooler: Pooler, alpha: str, beta: str
) -> None:
    together, most = threading.Barrier(THREADS), [0]

    def work(number: int) -> None:
        code = (alpha, beta)[number % 2]
        together.wait(60)
        for turn in range(15):
            with app.app_context():
                with bind_hospital(code), unit_of_work():
                    make_patient(full_name=f"{code} {number} {turn}")
                with bind_hospital(code), reading():
                    names = list(db.session.scalars(sa.select(Patient.full_name)))
            assert all(name.startswith(code) for name in names)
            if number == 0:
                most[0] = max(most[0], len(servers_of(platform, alpha)), len(servers_of(platform, beta)))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    assert 0 < most[0] <= POOL_SIZE
    pools = {row["database"]: row for row in pooler.ask("SHOW POOLS")}
    assert all(pools[platform.databases[code]]["pool_mode"] == "transaction" for code in (alpha, beta))
    assert platform.central_name in pools


def test_every_connection_of_hospitals_comes_from_the_pooler(
    app: Flask, platform: Platform, pooler: Pooler, alpha: str
) -> None:
    with app.app_context(), bind_hospital(alpha), reading():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) == 0
        assert scalar("SELECT pg_backend_pid()") in {pid for pid, _ in servers_of(platform, alpha)}

    def are_all_the_poolers() -> bool:
        listed = {pid for pid, _ in servers_of(platform, alpha)}
        shown = pooler.ask("SHOW SERVERS")
        return listed <= {row["remote_pid"] for row in shown if row["database"] == platform.databases[alpha]}

    assert until(are_all_the_poolers)  # the server lists a connection for a moment after its client closed it


def test_nothing_is_prepared_on_a_server_connection(app: Flask, direct: psycopg.Connection[Any], alpha: str) -> None:
    for _ in range(12):
        with app.app_context(), bind_hospital(alpha), unit_of_work() as session:
            session.execute(sa.select(Patient.id).where(Patient.full_name == "Người Thử")).all()
    for _ in range(POOL_SIZE * 2):
        assert direct.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_no_setting_of_a_session_is_left_on_a_server_connection(
    app: Flask, direct: psycopg.Connection[Any], alpha: str
) -> None:
    with app.app_context(), bind_hospital(alpha), unit_of_work():
        make_patient()
    names = "SELECT array_agg(name::text ORDER BY name) FROM pg_settings WHERE source = 'session'"
    # What PgBouncer itself keeps track of for each client, and nothing besides.
    tracked = {"application_name", "client_encoding", "DateStyle", "standard_conforming_strings", "TimeZone"}
    (found,) = direct.execute(names).fetchone() or (None,)
    assert set(found or ()) <= tracked


def test_what_is_set_for_a_transaction_is_gone_in_the_next(app: Flask, platform: Platform, alpha: str) -> None:
    seen = set()
    for _ in range(POOL_SIZE * 3):
        with app.app_context(), bind_hospital(alpha), unit_of_work() as session:
            assert scalar("SHOW statement_timeout") == "30s"
            session.execute(sa.text("SET LOCAL statement_timeout = '1s'"), bind_arguments={"mapper": Patient})
            session.execute(sa.text("SET LOCAL vien.patient = 'somebody'"), bind_arguments={"mapper": Patient})
            assert scalar("SHOW statement_timeout") == "1s"
            seen.add(scalar("SELECT pg_backend_pid()"))
        with app.app_context(), bind_hospital(alpha), reading():
            assert scalar("SELECT coalesce(current_setting('vien.patient', true), '')") == ""
    assert seen


def test_settings_of_the_role_hold_through_the_pooler(app: Flask, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha), reading():
        assert scalar("SHOW lock_timeout") == "5s"
        assert scalar("SHOW idle_in_transaction_session_timeout") == "1min"
        assert scalar("SHOW timezone") == "UTC"


def test_a_pooler_that_leads_to_another_hospital_is_refused(
    app: Flask, platform: Platform, pooler: Pooler, alpha: str
) -> None:
    """A slip in the pooler's configuration, and a role that was let in where it does not belong: both at once."""
    other, own = platform.databases["beta"], platform.databases[alpha]
    with app.app_context():
        place = tenancy().registry.get_by_code(alpha).whereabouts
        assert place is not None
        tenancy().engines.dispose()
    with platform.cluster.connect() as connection:
        connection.execute(f'GRANT CONNECT ON DATABASE "{other}" TO "{place.role}"')
    try:
        reconfigure(pooler, platform, f"{own} = host={pooler.host} port={pooler.server_port} dbname={other}")
        pooler.ask(f"RECONNECT {own}")
        with app.app_context(), pytest.raises(WrongDatabase), bind_hospital(alpha), reading():
            db.session.scalar(sa.select(Patient.id))
        assert app.test_client().get(f"/h/{alpha}/hospital/probe/canaries").status_code == 503
    finally:
        reconfigure(pooler, platform)
        pooler.ask(f"RECONNECT {own}")
        with platform.cluster.connect() as connection:
            connection.execute(f'REVOKE CONNECT ON DATABASE "{other}" FROM "{place.role}"')
    with app.app_context(), bind_hospital(alpha), reading():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) == 0


def test_server_connections_that_end_are_an_error_at_most_once(app: Flask, platform: Platform, alpha: str) -> None:
    with app.app_context(), bind_hospital(alpha), pytest.raises(sa.exc.DBAPIError), unit_of_work():
        pid = scalar("SELECT pg_backend_pid()")
        with platform.cluster.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        scalar("SELECT 1")
    with app.app_context(), bind_hospital(alpha), reading():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) == 0


def test_a_pooler_that_was_restarted_is_connected_to_anew(
    app: Flask, platform: Platform, pooler: Pooler, alpha: str
) -> None:
    with app.app_context(), bind_hospital(alpha), reading():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) == 0
    pooler.restart()
    time.sleep(0.3)
    with app.app_context(), bind_hospital(alpha), reading():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) == 0


def test_many_rows_in_one_statement_and_many_statements_at_once_pass(app: Flask, alpha: str) -> None:
    """Several parameter sets go in psycopg's pipeline mode, which prepares by itself where it may."""
    for _ in range(7):
        with app.app_context(), bind_hospital(alpha), unit_of_work() as session:
            ids = [make_patient().id for _ in range(5)]
            session.flush()
            connection = session.connection(bind_arguments={"mapper": Patient})
            changed = sa.update(Patient).where(Patient.id == sa.bindparam("which")).values(phone="+84901234567")
            connection.execute(changed, [{"which": one} for one in ids])


def test_only_one_holds_a_lease(app: Flask) -> None:
    with app.app_context():
        one, two = Lease("through the pooler"), Lease("through the pooler")
        assert one.hold()
        assert not two.hold()
        one.release()
        deadline = time.monotonic() + 60  # the server notices a moment later that its client is gone
        while not two.hold():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        two.release()


def test_announcements_are_heard_past_the_pooler(app: Flask, platform: Platform, alpha: str) -> None:
    with app.app_context():
        registry = tenancy().registry
        listener = start_listening(app)
        try:
            assert listener.listening.wait(60)
            registry._trusted_seconds, before = 3600.0, registry._trusted_seconds
            try:
                assert registry.get_by_code(alpha).display_name != "Tên mới"
                with platform.admin() as connection:
                    old = connection.execute("SELECT display_name FROM hospitals WHERE code = %s", (alpha,)).fetchone()
                    connection.execute("UPDATE hospitals SET display_name = 'Tên mới' WHERE code = %s", (alpha,))
                deadline = time.monotonic() + 60
                while registry.get_by_code(alpha).display_name != "Tên mới" and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert registry.get_by_code(alpha).display_name == "Tên mới"
            finally:
                registry._trusted_seconds = before
                with platform.admin() as connection:
                    connection.execute("UPDATE hospitals SET display_name = %s WHERE code = %s", (old[0], alpha))  # type: ignore[index]
        finally:
            listener.stop()
            listener.join(60)


def test_a_new_hospital_serves_once_the_pooler_knows_its_role(app: Flask, platform: Platform, pooler: Pooler) -> None:
    """With a list of users it has to be told; until then the making stops where it would have been found out."""
    with pytest.raises(psycopg.OperationalError):
        platform.create_hospital("gamma")
    reconfigure(pooler, platform)
    with app.app_context():
        provision_hospital(ACTOR, "gamma")
    with app.app_context(), bind_hospital("gamma"), reading():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Patient)) == 0


def test_the_pooler_is_given_secrets_and_no_passwords(app: Flask, platform: Platform, alpha: str) -> None:
    with app.app_context():
        place = tenancy().registry.get_by_code(alpha).whereabouts
        users = dict(list_pooler_users("main"))
    assert place is not None
    assert users[place.role].startswith("SCRAM-SHA-256$")
    assert place.password not in " ".join(users.values())
    assert "postgres" not in users


def test_the_health_check_goes_the_way_that_portals_go(app: Flask, platform: Platform, alpha: str) -> None:
    with app.app_context():
        reading_ = check_hospital(tenancy().registry.get_by_code(alpha))
    assert reading_.status is not HealthStatus.DOWN, reading_.error


def test_a_database_that_comes_back_is_served_after_the_poolers_pause(
    app: Flask, platform: Platform, alpha: str
) -> None:
    """PgBouncer refuses by itself for `server_login_retry` after a failed sign-in: at its default that is 15 s."""
    address = f"/h/{alpha}/hospital/probe/canaries"
    with away(platform, platform.databases[alpha]):
        assert app.test_client().get(address).status_code == 503
    deadline = time.monotonic() + 60
    while app.test_client().get(address).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_list_of_users_is_printed_as_pgbouncer_reads_it(app: Flask, platform: Platform) -> None:
    runner = platform.app.test_cli_runner()
    printed = runner.invoke(args=["platform", "pooler-users"])
    assert printed.exit_code == 0
    for line in printed.stdout.splitlines():
        assert line.startswith('"v')
        assert line.split()[1].startswith('"SCRAM-SHA-256$')
    assert runner.invoke(args=["platform", "pooler-users", "nowhere"]).exit_code == 3


def test_who_may_not_read_secrets_is_told_what_else_there_is(app: Flask, platform: Platform) -> None:
    """An administrative role need not be a superuser."""
    with platform.cluster.connect() as connection:
        connection.execute("CREATE ROLE vt_modest LOGIN CREATEROLE CREATEDB PASSWORD 'modest-and-quiet'")
    server = urlsplit(platform.servers.admin_url)
    place = server._replace(netloc=f"vt_modest:modest-and-quiet@{server.hostname}:{server.port}").geturl()
    try:
        with platform.cluster.connect() as connection:
            connection.execute("GRANT CONNECT ON DATABASE postgres TO vt_modest")
        other = platform.make_app(database_admin_url=place)
        answer = other.test_cli_runner().invoke(args=["platform", "pooler-users"])
        with other.app_context():
            db.engine.dispose()
    finally:
        with platform.cluster.connect() as connection:
            connection.execute("DROP OWNED BY vt_modest")
            connection.execute("DROP ROLE vt_modest")
    assert answer.exit_code == 1
    assert "auth_query" in answer.stderr
