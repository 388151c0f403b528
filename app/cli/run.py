"""`make run`: databases, demo hospitals, web, worker and scheduler in one terminal. For laptops and demonstrations.

The web processes are not given the administrative address of PostgreSQL; the worker and the scheduler are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app import create_app
from app.cli.demo import demo_table, ensure_demo, write_demo_json
from app.cli.installation import Installation
from app.core.embedded import EmbeddedError, ensure_free, start_services
from app.core.supervisor import Child, Supervisor, interruptible
from app.tenancy.cluster import Cluster

BIN = Path(sys.executable).parent
THREADS = 8


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where PostgreSQL (as an administrator) and Redis are."""

    admin_url: str
    redis_url: str


def main() -> int:
    """Run the platform until a signal says stop; return the exit code."""
    var = Path(os.environ.get("VAR_DIR", "var")).resolve()
    port = int(os.environ.get("PORT", "8000"))
    try:
        with interruptible(), services(var) as (addresses, watch):
            ensure_free(port)
            return run(var, port, addresses, watch)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


@contextmanager
def services(var: Path) -> Iterator[tuple[Addresses, object]]:
    """Give the servers named by DATABASE_URL and REDIS_URL, and embedded ones for what is not named."""
    database_url, redis_url = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    started = start_services(var, with_postgres=not database_url, with_valkey=not redis_url)
    try:
        yield (
            Addresses(database_url or started.admin_database_url, redis_url or started.redis_url),
            started.revive,
        )
    finally:
        started.stop()


def run(var: Path, port: int, addresses: Addresses, watch: object) -> int:
    """Bring the platform up to date and keep its processes running."""
    installation = Installation(var)
    say("Preparing the central database and the template of hospitals' databases")
    database_url = installation.prepare(addresses.admin_url)
    worker = installation.environment(
        database_url=database_url, redis_url=addresses.redis_url, admin_url=addresses.admin_url, port=port
    )
    web = {name: value for name, value in worker.items() if name != "DATABASE_ADMIN_URL"}
    app = create_app(installation.settings(worker, log_level="WARNING"))
    with app.app_context():
        say("Looking after the two demo hospitals")
        accounts = ensure_demo(app, Cluster(addresses.admin_url))
    base_url = f"http://127.0.0.1:{port}"
    write_demo_json(var / "demo.json", base_url, accounts)

    ours = {name: value for name, value in os.environ.items() if name != "DATABASE_ADMIN_URL"}
    supervisor = Supervisor(
        [
            Child("web", gunicorn(port), ours | web),
            Child("worker", flask("worker"), ours | worker),
            Child("scheduler", flask("scheduler"), ours | worker),
        ],
        health_url=f"{base_url}/healthz",
        watch=watch,  # type: ignore[arg-type]
    )
    return supervisor.run(lambda: print(demo_table(base_url, accounts), flush=True))


def gunicorn(port: int) -> list[str]:
    """Return the command of the web server."""
    return [
        str(BIN / "gunicorn"),
        "wsgi:app",
        "--bind",
        f"127.0.0.1:{port}",
        "--worker-class",
        "gthread",
        "--workers",
        os.environ.get("WEB_CONCURRENCY", "2"),
        "--threads",
        str(THREADS),
        "--no-control-socket",
        "--graceful-timeout",
        "5",
        "--log-level",
        "warning",
    ]


def flask(command: str) -> list[str]:
    """Return the command of one of our own processes."""
    return [str(BIN / "flask"), "--app", "wsgi", command]


def say(text: str) -> None:
    """Tell on standard error what is being done."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
