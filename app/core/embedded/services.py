"""Starts the embedded PostgreSQL and Valkey of one folder together, keeps them up, stops and removes them."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from app.core.embedded import postgres as postgres_server
from app.core.embedded import valkey as valkey_server
from app.core.embedded.errors import EmbeddedError, explained
from app.core.embedded.journal import Journal
from app.core.embedded.place import Place
from app.core.embedded.postgres import Postgres
from app.core.embedded.state import STATE_FILE, RunLock, State
from app.core.embedded.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services of a folder are reached; empty for one that was not started."""

    admin_database_url: str
    redis_url: str


@dataclass(slots=True)
class Services:
    """The running services of one folder."""

    var: Path
    lock: RunLock
    state: State
    postgres: Postgres | None
    valkey: Valkey | None

    @property
    def admin_database_url(self) -> str:
        """The superuser's address of PostgreSQL's maintenance database."""
        return self.postgres.url if self.postgres else ""

    @property
    def redis_url(self) -> str:
        """The address of Valkey's database 0."""
        return self.valkey.url if self.valkey else ""

    def revive(self) -> list[str]:
        """Start again what has died, on its port where that is free, and name it; cheap when nothing has."""
        revived = []
        for name, server in (("postgres", self.postgres), ("valkey", self.valkey)):
            if server is not None and not server.is_running():
                with explained(self.var):
                    server.start()
                revived.append(name)
        return revived

    def stop(self) -> None:
        """Stop Valkey, then PostgreSQL, and let the folder go; harmless when done twice."""
        try:
            for server in (self.valkey, self.postgres):
                if server is not None:
                    server.stop()
        finally:
            self.lock.release()

    def __enter__(self) -> "Services":
        """Use the services for the length of a with block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop them."""
        self.stop()


def start_services(var: Path, *, fast: bool = False, with_postgres: bool = True, with_valkey: bool = True) -> Services:
    """Start what is asked for below `var`, return once it serves; raise EmbeddedError with a clear sentence.

    Call it from a thread that lives as long as the services should (the main thread). `fast` gives up safety
    against power cuts, for tests.
    """
    var = var.resolve()
    with explained(var):
        var.mkdir(parents=True, exist_ok=True)
        lock = RunLock(var)
        try:
            services = _services(var, lock, fast, with_postgres=with_postgres, with_valkey=with_valkey)
        except BaseException:
            lock.release()
            raise
        try:
            _start(services)
        except BaseException:
            services.stop()
            raise
    return services


def _services(var: Path, lock: RunLock, fast: bool, *, with_postgres: bool, with_valkey: bool) -> Services:
    place = Place.of(var)
    state = _state(var, place)
    logs = var / "log"
    postgres = Postgres(place, Journal(logs / "postgres.log"), state.postgres_password, state.postgres_port, fast)
    valkey = Valkey(place, Journal(logs / "valkey.log"), state.valkey_password, state.valkey_port, fast)
    return Services(var, lock, state, postgres if with_postgres else None, valkey if with_valkey else None)


def _state(var: Path, place: Place) -> State:
    """Return what the folder remembers, or begin a memory where it has none and no data that need one."""
    state = State.load(var)
    if state is None:
        if place.root.is_relative_to(var) and (place.root / "postgres.complete").exists():
            raise EmbeddedError(
                f"The databases in {place.root} are there, but {var / STATE_FILE} with their passwords is "
                f"missing. Put it back, or start over with: make reset"
            )
        state = State()
        state.save(var)
    return state


def _start(services: Services) -> None:
    state, postgres, valkey = services.state, services.postgres, services.valkey
    before = (state.postgres_port, state.valkey_port)
    if valkey is not None:
        valkey.start()
        state.valkey_port = valkey.port
    if postgres is not None:
        postgres.initialise(state.token)
        postgres.start()
        state.postgres_port = postgres.port
    if (state.postgres_port, state.valkey_port) != before:
        state.save(services.var)


def find_running(var: Path) -> Addresses | None:
    """Return the addresses of the services that somebody runs in `var` at present, or None."""
    var = var.resolve()
    with explained(var):
        if not var.is_dir() or (state := State.load(var)) is None:
            return None
        place = Place.of(var)
    nowhere = Journal(var / "log")
    postgres = Postgres(place, nowhere, state.postgres_password, state.postgres_port)
    valkey = Valkey(place, nowhere, state.valkey_password, state.valkey_port)
    database = postgres.url if postgres_server.is_serving(postgres.data) else ""
    queue = valkey.url if valkey_server.serving_pid(valkey.folder) else ""
    return Addresses(database, queue) if database or queue else None


def remove(var: Path) -> None:
    """Delete `var` and its databases, refusing while somebody runs them."""
    var = var.resolve()
    if not var.is_dir():
        return
    with explained(var):
        lock = RunLock(var)
        try:
            place = Place.of(var)
            postgres_server.end_leftovers(place.root / "postgres")
            valkey_server.end_leftovers(place.root / "valkey")
            shutil.rmtree(place.root)
            shutil.rmtree(var)
        finally:
            lock.release()
