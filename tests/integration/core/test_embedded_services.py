"""The embedded PostgreSQL and Valkey: started, killed, half-made, crowded out, stopped and removed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from app.core import child_process
from app.core.embedded import (
    AlreadyRunningError,
    EmbeddedError,
    Services,
    find_running,
    remove,
    start_services,
)
from app.core.embedded import postgres as postgres_server
from app.core.embedded.place import Place
from app.core.embedded.state import State

ROOT = Path(__file__).parents[3]
STARTER = """
import sys, time
from pathlib import Path
from app.core.embedded import start_services
services = start_services(Path(sys.argv[1]), fast=True)
print(services.admin_database_url, services.redis_url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A folder for services of which nothing is left afterwards."""
    folder = tmp_path / "var"
    yield folder
    remove(folder)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Running services for the tests that only look at them."""
    folder = tmp_path_factory.mktemp("running") / "var"
    with start_services(folder, fast=True) as running:
        yield running
    remove(folder)


def started_elsewhere(var: Path) -> tuple[subprocess.Popen[str], str, str]:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(var)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    database, queue = starter.stdout.readline().split()
    return starter, database, queue


def killed(starter: subprocess.Popen[str]) -> None:
    starter.kill()
    starter.wait()
    assert starter.stdout is not None
    starter.stdout.close()


def note(address: str, text: str) -> None:
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def notes(address: str) -> list[str]:
    with psycopg.connect(address) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes")]


def version_of(address: str) -> int:
    with psycopg.connect(address) as connection:
        return connection.info.server_version


def with_queue(address: str) -> "redis.Redis":
    return redis.Redis.from_url(address, decode_responses=True)


def servers_of(var: Path) -> list[int]:
    root = str(Place.of(var.resolve()).root)
    everyone = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        pid
        for pid in everyone
        if child_process.is_alive(pid) and any(word.startswith(root) for word in child_process.command_line(pid))
    ]


def test_both_services_answer(services: Services) -> None:
    assert version_of(services.admin_database_url) >= 150000
    with with_queue(services.redis_url) as queue:
        assert queue.ping()


def test_vietnamese_letters_have_upper_and_lower_case(services: Services) -> None:
    with psycopg.connect(services.admin_database_url) as connection:
        row = connection.execute("SELECT lower('NGUYỄN THỊ ĐÀO')").fetchone()
    assert row == ("nguyễn thị đào",)


def test_nobody_gets_in_without_the_password(services: Services) -> None:
    state = State.load(services.var)
    assert state is not None
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(services.admin_database_url.replace(state.postgres_password, "guess"))
    wrong = services.redis_url.replace(state.valkey_password, "guess")
    with with_queue(wrong) as queue, pytest.raises(redis.AuthenticationError):
        queue.ping()


def test_passwords_are_readable_by_their_owner_only(services: Services) -> None:
    assert (services.var / "embedded.json").stat().st_mode & 0o777 == 0o600


def test_no_server_runs_as_root(services: Services) -> None:
    # What PostgreSQL has just forked goes under the server's own command line for a moment.
    assert child_process.wait_until(lambda: len(servers_of(services.var)) == 2, 60)
    assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in servers_of(services.var))


def test_stopping_leaves_no_process(var: Path) -> None:
    services = start_services(var, fast=True)
    services.stop()
    assert servers_of(var) == []
    assert find_running(var) is None
    services.stop()


def test_others_find_the_running_services(services: Services) -> None:
    found = find_running(services.var)
    assert found is not None
    assert (found.admin_database_url, found.redis_url) == (services.admin_database_url, services.redis_url)


def test_a_second_start_keeps_data_ports_and_passwords(var: Path) -> None:
    with start_services(var, fast=True) as first:
        note(first.admin_database_url, "kept")
        address = first.admin_database_url
    with start_services(var, fast=True) as second:
        assert second.admin_database_url == address
        assert notes(address) == ["kept"]


def test_data_outlive_a_killed_starter(var: Path) -> None:
    starter, database, queue_address = started_elsewhere(var)
    note(database, "kept")
    with with_queue(queue_address) as queue:
        queue.set("job", "kept")
    killed(starter)
    with start_services(var, fast=True) as services:
        assert notes(services.admin_database_url) == ["kept"]
        with with_queue(services.redis_url) as queue:
            assert queue.get("job") == "kept"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_servers_do_not_outlive_a_killed_starter(var: Path) -> None:
    starter, _, _ = started_elsewhere(var)
    assert child_process.wait_until(lambda: len(servers_of(var)) == 2, 60)
    killed(starter)
    assert child_process.wait_until(lambda: servers_of(var) == [], 60)


def test_a_server_left_running_over_the_folder_is_stopped(var: Path) -> None:
    services = start_services(var, fast=True)
    assert services.postgres is not None
    argv, ids = services.postgres._argv(), services.postgres.place.account.ids
    services.stop()
    orphan = child_process.start(argv, ids=ids, stderr=subprocess.DEVNULL)
    assert child_process.wait_until(lambda: postgres_server.is_serving(services.postgres.data), 60)
    with start_services(var, fast=True) as again:
        assert orphan.wait(60) is not None
        assert version_of(again.admin_database_url)


def test_a_pid_file_that_names_another_process_is_no_obstacle(var: Path) -> None:
    with start_services(var, fast=True) as services:
        assert services.postgres is not None
        data = services.postgres.data
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
            with start_services(var, fast=True) as services:
                assert version_of(services.admin_database_url)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_half_made_cluster_is_made_again(var: Path) -> None:
    with start_services(var, fast=True) as services:
        place = services.postgres.place if services.postgres else None
    assert place is not None
    (place.root / "postgres.complete").unlink()
    (place.root / "postgres" / "global" / "pg_control").unlink()
    (var / "embedded.json").unlink()
    with start_services(var, fast=True) as services:
        assert version_of(services.admin_database_url)


def test_a_starter_killed_while_it_makes_the_cluster_is_healed(var: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(var)], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert child_process.wait_until((var / "log" / "postgres.log").exists, 60)
    starter.kill()
    starter.wait()
    with start_services(var, fast=True) as services:
        assert version_of(services.admin_database_url)


def test_a_second_run_over_the_same_folder_is_told_who_runs(services: Services) -> None:
    with pytest.raises(AlreadyRunningError, match=f"already runs.*process {os.getpid()}"):
        start_services(services.var, fast=True)
    assert version_of(services.admin_database_url)


def test_taken_ports_are_left_for_others(var: Path) -> None:
    with start_services(var, fast=True) as services:
        state = services.state
        before = (state.postgres_port, state.valkey_port)
    with (
        socket.create_server(("127.0.0.1", before[0])),
        socket.create_server(("127.0.0.1", before[1])),
        start_services(var, fast=True) as services,
    ):
        assert version_of(services.admin_database_url)
        assert not {services.state.postgres_port, services.state.valkey_port} & set(before)


def test_killed_servers_are_revived_with_their_data(var: Path) -> None:
    with start_services(var) as services:
        note(services.admin_database_url, "kept")
        addresses = (services.admin_database_url, services.redis_url)
        for server in (services.postgres, services.valkey):
            assert server is not None
            assert server.process is not None
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        assert services.revive() == ["postgres", "valkey"]
        assert services.revive() == []
        assert (services.admin_database_url, services.redis_url) == addresses
        assert notes(services.admin_database_url) == ["kept"]


def test_an_unreadable_queue_file_is_put_aside(var: Path) -> None:
    with start_services(var, fast=True, with_postgres=False) as services:
        assert services.valkey is not None
        folder = services.valkey.folder / "appendonlydir"
    (folder / "appendonly.aof.manifest").write_text("not a manifest\n")
    with (
        start_services(var, fast=True, with_postgres=False) as services,
        with_queue(services.redis_url) as queue,
    ):
        assert queue.ping()
    assert list(folder.parent.glob("appendonlydir.unreadable*"))


def test_a_full_disk_is_told_in_a_sentence(var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / "programs" / "bin"
    full.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (full / name).write_text('#!/bin/sh\necho "could not write: No space left on device" >&2\nexit 1\n')
        (full / name).chmod(0o755)
    monkeypatch.setenv("EMBEDDED_PG_BIN", str(full))
    monkeypatch.setattr(postgres_server, "_locale", lambda _: [])
    with pytest.raises(EmbeddedError, match="No space is left on the disk that holds"):
        start_services(var, fast=True, with_valkey=False)


def test_lost_passwords_are_not_paid_for_with_the_data(var: Path) -> None:
    with start_services(var, fast=True) as services:
        place = services.postgres.place if services.postgres else None
    assert place is not None
    state = (var / "embedded.json").read_text()
    (var / "embedded.json").unlink()
    if place.root.is_relative_to(var):
        with pytest.raises(EmbeddedError, match="make reset"):
            start_services(var, fast=True)
    (var / "embedded.json").write_text(state)
    with start_services(var, fast=True) as services:
        assert version_of(services.admin_database_url)


def test_removing_refuses_while_somebody_runs(services: Services) -> None:
    with pytest.raises(AlreadyRunningError):
        remove(services.var)
    assert version_of(services.admin_database_url)


def test_removing_leaves_nothing(var: Path) -> None:
    with start_services(var, fast=True) as services:
        place = services.postgres.place if services.postgres else None
    remove(var)
    assert place is not None
    assert not var.exists()
    assert not place.root.exists()
