"""`make run`: databases, demo hospitals, web, streams, worker, scheduler in one terminal, for laptops.

The web processes are not given the administrative address of PostgreSQL; the worker and the scheduler are.
This process imports little, and leaves out the preparation when nothing has changed since the last one, so that a
second start is quick.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.installation import Installation
from app.core.embedded import EmbeddedError, ensure_free, start_services
from app.core.embedded.ports import keep_or_find
from app.core.supervisor import Child, Supervisor, interruptible

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
STAMP = "prepared.txt"
THREADS = 8
WORKER = ("--processes", "2", "--queue", "fleet", "--queue", "hospital")
LOOPBACK_ABOVE = 25  # the loopback gateway's port, as far above the web's
LOOPBACK_COST = 350  # of one segment, in đồng; invented, as everything there is


@dataclass(frozen=True, slots=True)
class Servers:
    """Where PostgreSQL (as an administrator) and Redis are, and what keeps them up."""

    admin_url: str
    redis_url: str
    revive: Callable[[], object]
    given: bool


def main() -> int:
    """Run the platform until a signal says stop; return the exit code."""
    var = Path(os.environ.get("VAR_DIR", "var")).resolve()
    try:
        port = int(os.environ.get("PORT", "8000"))
        with interruptible(), servers_of(var) as servers:
            ensure_free(port)
            return run(var, port, servers)
    except (EmbeddedError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


@contextmanager
def servers_of(var: Path) -> Iterator[Servers]:
    """Give the servers named by DATABASE_URL and REDIS_URL, and embedded ones for what is not named."""
    database_url, redis_url = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    with start_services(var, with_postgres=not database_url, with_valkey=not redis_url) as started:
        yield Servers(
            database_url or started.admin_database_url,
            redis_url or started.redis_url,
            started.revive,
            bool(database_url),
        )


def run(var: Path, port: int, servers: Servers) -> int:
    """Bring the platform up to date and keep its processes running."""
    worker = Installation(var).environment(redis_url=servers.redis_url, admin_url=servers.admin_url, port=port)
    web = {name: value for name, value in worker.items() if name != "DATABASE_ADMIN_URL"}
    web["LIVE_PORT"] = str(live_port(port))
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_ADMIN_URL"}
    loopback = [] if "SMS_GATEWAY" in inherited else [flask("sms-gateway", "--port", str(port + LOOPBACK_ABOVE))]
    if loopback:
        worker["SMS_GATEWAY"] = web["SMS_GATEWAY"] = loopback_request(port + LOOPBACK_ABOVE)
    if not prepare(var, inherited | worker, servers):
        return 1
    base_url = web["BASE_URL"]
    supervisor = Supervisor(
        [
            Child("web", gunicorn(port), inherited | web),
            Child("streams", streams(), inherited | web | {"STREAMS_BIND": f"127.0.0.1:{web['LIVE_PORT']}"}),
            Child(
                "worker",
                flask("worker", *WORKER),
                inherited | worker,
            ),
            Child("long", flask("worker", "--queue", "long"), inherited | worker),
            Child("relay", flask("relay"), inherited | web),
            Child("scheduler", flask("scheduler"), inherited | worker),
            *(Child("sms-gateway", command, inherited | web) for command in loopback),
        ],
        health_url=f"{base_url}/healthz",
        watch=servers.revive,
    )
    return supervisor.run(lambda: announce(var))


def loopback_request(port: int) -> str:
    """Return the request to the gateway that shows text messages instead of sending them."""
    names = ("to", "text", "sender", "reference", "hospital")
    body = json.dumps({name: "{" + name + "}" for name in names})
    return json.dumps({"url": f"http://127.0.0.1:{port}/send", "body": body, "cost": LOOPBACK_COST})


def prepare(var: Path, environment: dict[str, str], servers: Servers) -> bool:
    """Prepare the databases unless that was done with this code for these addresses; tell whether all is ready."""
    stamp, wanted = var / STAMP, fingerprint(environment)
    if not servers.given and stamp.exists() and stamp.read_text() == wanted:
        return True
    stamp.unlink(missing_ok=True)
    command = [sys.executable, "-m", "app.cli.prepare"]
    done = subprocess.run(command, env=environment | {"LOG_LEVEL": "WARNING"}, check=False)  # noqa: S603
    if done.returncode == 0:
        stamp.write_text(wanted)
    return done.returncode == 0


def fingerprint(environment: dict[str, str]) -> str:
    """Return what the preparation depends on: the addresses, and every file of the code and the migrations."""
    seen = hashlib.sha256()
    for name in ("DATABASE_ADMIN_URL", "BASE_URL", "VAR_DIR"):
        seen.update(environment[name].encode())
    for path in sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("app/**/data/*"), *ROOT.glob("migrations/**/*.py")]):
        facts = path.stat()
        seen.update(f"{path}{facts.st_size}{facts.st_mtime_ns}".encode())
    return seen.hexdigest()


def announce(var: Path) -> None:
    """Print where everything is and who can sign in."""
    from app.cli.demo.accounts import Account
    from app.cli.demo.table import demo_table

    facts = json.loads((var / "demo.json").read_text())
    print(demo_table(facts["base_url"], [Account(**entry) for entry in facts["accounts"]]), flush=True)


def gunicorn(port: int) -> list[str]:
    """Return the command of the web server."""
    workers = os.environ.get("WEB_CONCURRENCY", "2")
    return [
        *(str(BIN / "gunicorn"), "wsgi:app", "--config", str(ROOT / "gunicorn.conf.py"), "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--preload", "--workers", workers, "--threads", str(THREADS)),
        *("--no-control-socket", "--graceful-timeout", "5", "--log-level", "warning"),
    ]


def streams() -> list[str]:
    """Return the command of the process that holds event streams; it listens at STREAMS_BIND."""
    return [str(BIN / "gunicorn"), "--config", "python:app.streams.server", "app.streams.wsgi:app"]


def live_port(port: int) -> int:
    """Return where streams are: the next port where it is free, else another. Cookies know no ports."""
    wanted = int(os.environ.get("LIVE_PORT") or port + 1)
    return keep_or_find(wanted)


def flask(*command: str) -> list[str]:
    """Return the command of one of our own processes."""
    return [str(BIN / "flask"), "--app", "wsgi", *command]


if __name__ == "__main__":
    sys.exit(main())
