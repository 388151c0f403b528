"""The supervisor over real processes: lines, restarts, readiness, order of stopping, and no orphan."""

import http.server
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.core import child_process
from app.core.supervisor import Child, Supervisor, answers, interruptible

ROOT = Path(__file__).parents[3]
OBEDIENT = """
import os, signal, sys, time
from pathlib import Path
def leave(*_):
    with open(sys.argv[2], "a") as log:
        log.write(sys.argv[1] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
Path(sys.argv[2] + "." + sys.argv[1]).write_text(str(os.getpid()))
print("up", flush=True)
time.sleep(60)
"""
STUBBORN = """
import os, signal, subprocess, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen(["sleep", "60"], process_group=0)
signal.signal(signal.SIGTERM, lambda *_: Path(sys.argv[1] + ".asked").touch())
Path(sys.argv[1]).write_text(f"{os.getpid()} {grandchild.pid}")
while True:
    time.sleep(60)
"""
SUPERVISE = """
import json, sys
from app.core.supervisor import Child, Supervisor
children = [Child(name, argv, stop_seconds=float(sys.argv[2])) for name, argv in json.loads(sys.argv[1])]
sys.exit(Supervisor(children).run(lambda: print("ready", flush=True)))
"""


def python(program: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", program, *map(str, arguments)]


@contextmanager
def supervised(*children: tuple[str, list[str]], stop_seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    command = python(SUPERVISE, json.dumps(children), str(stop_seconds))
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def pids_in(path: Path) -> list[int]:
    assert child_process.wait_until(lambda: path.exists() and path.read_text(), 60)
    return [int(word) for word in path.read_text().split()]


def are_gone(pids: list[int]) -> bool:
    return child_process.wait_until(lambda: not any(map(child_process.is_alive, pids)), 60)


def stopping_when(condition: Callable[[], bool]) -> Callable[[], None]:
    """Ask this process to stop, as Ctrl-C does, once a condition is true."""

    def watch() -> None:
        if condition():
            os.kill(os.getpid(), signal.SIGINT)

    return watch


@pytest.fixture(autouse=True)
def _watch_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.supervisor.WATCH_EVERY", 0.05)


@pytest.fixture
def page() -> Iterator[tuple[str, list[int]]]:
    """A page whose status, 503 at first, the test sets."""
    status = [503]

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/healthz", status
        server.shutdown()
        thread.join()


def test_every_line_carries_the_name_of_its_child() -> None:
    output = io.StringIO()
    children = [Child("web", python("print('one'); print('two')")), Child("worker", ["echo", "chào"])]
    watch = stopping_when(lambda: "two" in output.getvalue() and "chào" in output.getvalue())
    assert Supervisor(children, watch=watch, output=output, back_off=60).run() == 0
    assert {"web    | one", "web    | two", "worker | chào"} <= set(output.getvalue().splitlines())


def test_a_child_has_the_environment_it_was_given_and_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_SECRET", "ours")
    output = io.StringIO()
    children = [Child("web", ["/usr/bin/env"], env={"SECRET": "its own"}), Child("idle", ["sleep", "60"])]
    watch = stopping_when(lambda: "died" in output.getvalue())
    Supervisor(children, watch=watch, output=output, back_off=60).run()
    assert "SECRET=its own" in output.getvalue()
    assert "ADMIN_SECRET" not in output.getvalue()


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    log = tmp_path / "starts"
    output = io.StringIO()
    dies_once = f"echo start >> {log}; test $(wc -l < {log}) -ge 2 && exec sleep 60; exit 3"
    watch = stopping_when(lambda: log.exists() and log.read_text().count("start") == 2)
    supervisor = Supervisor([Child("web", ["sh", "-c", dies_once])], watch=watch, output=output, back_off=0.05)
    assert supervisor.run() == 0
    assert "web died with exit code 3; starting it again in 0.1 s" in output.getvalue()


def test_a_child_that_never_stays_up_ends_everything_with_a_sentence(tmp_path: Path) -> None:
    output = io.StringIO()
    children = [Child("web", python(OBEDIENT, "web", tmp_path / "log")), Child("worker", ["false"])]
    assert Supervisor(children, output=output, back_off=0.01).run() == 1
    assert "worker died 5 times within a minute, at last with exit code 1. Stopping" in output.getvalue()
    assert output.getvalue().count("starting it again") == 4


def test_a_program_that_is_not_there_is_named() -> None:
    output = io.StringIO()
    assert Supervisor([Child("web", ["/no/such/program"])], output=output, back_off=0.01).run() == 1
    assert "cannot run /no/such/program: No such file" in output.getvalue()


def test_readiness_is_announced_once_the_page_answers(page: tuple[str, list[int]]) -> None:
    address, status = page
    announced: list[float] = []
    looks = itertools.count()

    def watch() -> None:
        if next(looks) == 4:
            assert announced == []
            status[0] = 200
        if announced:
            os.kill(os.getpid(), signal.SIGTERM)

    children = [Child("web", ["sleep", "60"])]
    supervisor = Supervisor(children, health_url=address, watch=watch, output=io.StringIO())
    assert supervisor.run(lambda: announced.append(time.monotonic())) == 0
    assert len(announced) == 1


def test_a_page_that_never_answers_ends_everything_with_a_sentence(page: tuple[str, list[int]]) -> None:
    output = io.StringIO()
    children = [Child("web", ["sleep", "60"])]
    supervisor = Supervisor(children, health_url=page[0], ready_seconds=0.2, output=output)
    assert supervisor.run(lambda: pytest.fail("announced")) == 1
    assert f"{page[0]} did not answer within 0 seconds" in output.getvalue()


def test_nobody_at_the_port_is_no_answer() -> None:
    assert not answers("http://127.0.0.1:1/healthz")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_children_are_stopped_one_after_another_in_their_order(number: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "log"
    names = ("web", "worker", "scheduler")
    with supervised(*((name, python(OBEDIENT, name, log)) for name in names)) as process:
        pids = [pid for name in names for pid in pids_in(log.with_suffix(f".{name}"))]
        process.send_signal(number)
        assert process.wait(60) == 0
    assert log.read_text().split() == list(names)
    assert are_gone(pids)


def test_a_child_that_will_not_stop_is_ended_with_its_grandchildren(tmp_path: Path) -> None:
    with supervised(("web", python(STUBBORN, tmp_path / "pids")), stop_seconds=2) as process:
        pids = pids_in(tmp_path / "pids")
        process.terminate()
        assert process.wait(60) == 0
        assert are_gone(pids)


def test_a_second_signal_shortens_the_wait(tmp_path: Path) -> None:
    with supervised(("web", python(STUBBORN, tmp_path / "pids")), stop_seconds=3600) as process:
        pids_in(tmp_path / "pids")
        process.terminate()
        assert child_process.wait_until((tmp_path / "pids.asked").exists, 60)
        process.terminate()
        assert process.wait(60) == 0


def test_grandchildren_of_a_dead_child_are_ended_before_it_is_started_again(tmp_path: Path) -> None:
    with supervised(("web", python(STUBBORN, tmp_path / "pids")), stop_seconds=2):
        child, grandchild = pids_in(tmp_path / "pids")
        os.kill(child, signal.SIGKILL)
        assert are_gone([grandchild])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_a_killed_supervisor_leaves_no_child(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with supervised(("web", python(OBEDIENT, "web", log)), ("worker", python(OBEDIENT, "worker", log))) as process:
        pids = pids_in(log.with_suffix(".web")) + pids_in(log.with_suffix(".worker"))
        process.kill()
        assert are_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="sessions are read from /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_supervisor_stopped_while_starting_leaves_no_child(number: signal.Signals, tmp_path: Path) -> None:
    marks = [f"{tmp_path}/{count}" for count in range(8)]
    with supervised(*((f"c{count}", python(OBEDIENT, "c", mark)) for count, mark in enumerate(marks))) as process:
        pids_in(Path(f"{marks[0]}.c"))
        process.send_signal(number)
        process.wait(60)
        assert child_process.wait_until(lambda: not _with_argument(str(tmp_path), but=process.pid), 60)


def _with_argument(start: str, but: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        pid for pid in pids if pid != but and any(word.startswith(start) for word in child_process.command_line(pid))
    ]


def test_a_signal_before_the_run_ends_the_block_with_its_clean_up() -> None:
    cleaned = []

    def set_up() -> None:
        with interruptible():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            finally:
                cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        set_up()
    assert cleaned == [True]
