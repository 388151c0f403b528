"""What is away is away for itself alone: a clear page, the others serve, and it heals without a restart."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from psycopg import sql

from app.core.db import db
from app.tenancy.binding import tenancy
from tests.support.platform import Platform

ALPHA, BETA = "/h/alpha/hospital/probe/count", "/h/beta/hospital/probe/count"


@pytest.fixture(autouse=True)
def _fresh_connections(app: Flask, failing: Flask) -> Iterator[None]:
    """Leave no connection that was cut to the next test."""
    yield
    for made in (app, failing):
        with made.app_context():
            tenancy().engines.dispose()
            db.engine.dispose()


def hang_up(platform: Platform, database: str) -> None:
    """End every connection to a database, and return when they have ended."""
    with platform.cluster.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            (database,),
        )


@contextmanager
def closed(platform: Platform, database: str) -> Iterator[None]:
    """Let nobody connect to a database for a while."""
    allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    with platform.cluster.connect() as connection:
        connection.execute(allow.format(sql.Identifier(database), sql.SQL("false")))
        hang_up(platform, database)
        try:
            yield
        finally:
            connection.execute(allow.format(sql.Identifier(database), sql.SQL("true")))


@contextmanager
def gone(platform: Platform, database: str) -> Iterator[None]:
    """Let a database not exist for a while."""
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    here, there = sql.Identifier(database), sql.Identifier(f"{database}_gone")
    with platform.cluster.connect() as connection:
        hang_up(platform, database)
        connection.execute(rename.format(here, there))
        try:
            yield
        finally:
            connection.execute(rename.format(there, here))


@contextmanager
def without_login(platform: Platform, database: str) -> Iterator[None]:
    """Let the hospital's role not sign in for a while."""
    with platform.admin() as central:
        row = central.execute(
            "SELECT login_role FROM hospital_databases WHERE database_name = %s", (database,)
        ).fetchone()
    assert row is not None
    with platform.cluster.connect() as connection:
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(row[0])))
        hang_up(platform, database)
        try:
            yield
        finally:
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(row[0])))


def statuses(browser: Any, url: str, times: int) -> list[int]:
    return [browser.get(url).status_code for _ in range(times)]


@pytest.mark.parametrize("fault", [closed, gone, without_login])
def test_a_hospital_whose_database_is_away_says_so_alone_and_comes_back_by_itself(
    probe: Flask, platform: Platform, alpha: str, beta: str, fault: Callable[..., Any]
) -> None:
    browser = probe.test_client()
    assert statuses(browser, ALPHA, 1) + statuses(browser, BETA, 1) == [200, 200]
    with fault(platform, platform.databases[alpha]):
        for url in (ALPHA, "/h/alpha/hospital/sign-in?next=x"):
            browser.get(url)
        response = browser.get(ALPHA)
        html = response.get_data(as_text=True)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "15"
        assert platform.databases[alpha] not in html
        assert "psycopg" not in html
        assert browser.post("/h/alpha/hospital/probe/write/200").status_code == 503
        assert statuses(browser, BETA, 2) == [200, 200]
    assert statuses(browser, ALPHA, 2) == [200, 200]


def test_who_is_signed_in_gets_the_page_too_and_is_still_signed_in_afterwards(
    platform: Platform, sign_in_staff: Any, alpha: str
) -> None:
    browser = sign_in_staff(alpha)
    with closed(platform, platform.databases[alpha]):
        assert browser.get("/h/alpha/hospital/sign-in").status_code == 503
        assert browser.get("/h/alpha/hospital/today").status_code == 503
    assert browser.get("/h/alpha/hospital/sign-in").status_code == 303


def test_connections_that_were_cut_cost_one_request_at_most(
    probe: Flask, platform: Platform, alpha: str, beta: str
) -> None:
    browser = probe.test_client()
    assert statuses(browser, ALPHA, 1) == [200]
    hang_up(platform, platform.databases[alpha])
    found = statuses(browser, ALPHA, 4)
    assert found.count(503) <= 1
    assert found[1:] == [200, 200, 200]


def test_cut_connections_to_the_centre_cost_one_request_at_most(app: Flask, platform: Platform, client: Any) -> None:
    assert client.get("/readyz").status_code == 200
    hang_up(platform, platform.central_name)
    found = statuses(client, "/readyz", 4)
    assert found.count(503) <= 1
    assert found[1:] == [200, 200, 200]


def test_without_the_centre_the_known_go_on_and_the_unknown_are_not_guessed(
    probe: Flask, platform: Platform, sign_in_operator: Any, alpha: str
) -> None:
    browser, operator = probe.test_client(), sign_in_operator()
    assert statuses(browser, ALPHA, 1) == [200]
    with probe.app_context():
        tenancy().registry.forget()
    with closed(platform, platform.central_name):
        assert statuses(browser, ALPHA, 3) == [200, 200, 200]
        assert browser.post("/h/alpha/hospital/probe/write/200").status_code == 200
        unknown = browser.get("/h/nowhere/hospital/probe/count")
        assert unknown.status_code == 503
        assert unknown.headers["Retry-After"]
        assert operator.get("/admin/sign-in").status_code == 503
        assert browser.get("/healthz").status_code == 200
        assert browser.get("/readyz").status_code == 503
    assert browser.get("/h/nowhere/hospital/probe/count").status_code == 404
    operator.get("/admin/sign-in")  # may meet a connection that was cut
    assert operator.get("/admin/sign-in").status_code == 303


@pytest.fixture
def patient_app(app: Flask, platform: Platform) -> Iterator[Flask]:
    """An application that waits for a connection longer than any other request takes."""
    from tests.integration.web.probe import make_probe

    made = platform.make_app(connect_timeout_seconds=600)
    made.register_blueprint(make_probe())
    yield made
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()


@contextmanager
def silent_server(platform: Platform, code: str) -> Iterator[threading.Event]:
    """Move a hospital to a server that takes connections and never answers; the event tells of the first."""
    called = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, platform.admin() as central:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return
                called.set()

        threading.Thread(target=accept, daemon=True).start()
        central.execute(
            "INSERT INTO database_clusters (id, name, region, host, port, tls_mode, admin_credential, capacity)"
            " SELECT gen_random_uuid(), 'silent', region, '127.0.0.1', %s, 'disable', admin_credential, 1"
            " FROM database_clusters LIMIT 1",
            (server.getsockname()[1],),
        )
        move = "UPDATE hospital_databases SET cluster_id = c.id FROM database_clusters c WHERE c.name = %s"
        move += " AND hospital_id = (SELECT id FROM hospitals WHERE code = %s)"
        central.execute(move, ("silent", code))
        try:
            yield called
        finally:
            central.execute(move, ("main", code))
            central.execute("DELETE FROM database_clusters WHERE name = 'silent'")
            server.shutdown(socket.SHUT_RDWR)
            for line in held:
                line.close()


def test_while_one_hospital_hangs_the_other_answers(
    patient_app: Flask, platform: Platform, alpha: str, beta: str
) -> None:
    found: dict[str, Any] = {}

    def wait_for_alpha() -> None:
        found["alpha"] = patient_app.test_client().get(ALPHA)

    with silent_server(platform, alpha) as called:
        waiting = threading.Thread(target=wait_for_alpha)
        waiting.start()
        assert called.wait(60)
        assert statuses(patient_app.test_client(), BETA, 5) == [200] * 5
        assert waiting.is_alive()
    waiting.join(60)
    assert found["alpha"].status_code == 503
    with patient_app.app_context():
        tenancy().registry.forget()
    assert statuses(patient_app.test_client(), ALPHA, 1) == [200]
