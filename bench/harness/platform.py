"""A platform of a benchmark's own: servers in a temporary folder, with durable settings, or servers that are given.

DATABASE_URL (a role that may create databases) and REDIS_URL name them; what was made there is dropped again.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from app import create_app
from app.cli.installation import Installation
from app.cli.prepare import make_platform, settings_of
from app.core.actor import system_actor
from app.core.embedded import remove, start_services
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_hospital
from app.tenancy.cluster import Cluster
from app.tenancy.making import provision_hospital
from app.tenancy.models import HospitalDatabase
from app.tenancy.provisioning import HospitalRequest, request_hospital
from app.tenancy.registry import Whereabouts

ACTOR = system_actor("benchmark")


@dataclass(frozen=True, slots=True)
class BenchPlatform:
    """An application with its settings, and the server that its databases are on."""

    app: Flask
    environment: dict[str, str]
    cluster: Cluster

    def create_hospital(self, code: str) -> Whereabouts:
        """Make a hospital; return where its database is and how the application signs in there."""
        with self.app.app_context():
            with unit_of_work():
                request_hospital(ACTOR, HospitalRequest(code, f"Benchmark {code}", f"Benchmark {code}"))
            provision_hospital(ACTOR, code)
            with bind_hospital(code) as hospital:
                assert hospital.whereabouts is not None
                return hospital.whereabouts


@contextmanager
def bench_platform() -> Iterator[BenchPlatform]:
    """Give an empty platform and take it away afterwards."""
    with ExitStack() as stack:
        var = Path(tempfile.mkdtemp(prefix="vien-bench-"))
        stack.callback(remove, var)
        database_url, redis_url = environ.get("DATABASE_URL", ""), environ.get("REDIS_URL", "")
        services = stack.enter_context(start_services(var, with_postgres=not database_url, with_valkey=not redis_url))
        admin_url = database_url or services.admin_database_url
        name = f"vien_bench_{secrets.token_hex(4)}"
        installation = Installation(var, central_database=name, central_role=f"{name}_web")
        make_platform(installation, admin_url)
        settings = installation.environment(redis_url=redis_url or services.redis_url, admin_url=admin_url, port=8000)
        settings["LOG_LEVEL"] = "WARNING"
        platform = BenchPlatform(create_app(settings_of(settings, environment="test")), settings, Cluster(admin_url))
        if database_url:
            stack.callback(_drop, platform, name)
        yield platform


def _drop(platform: BenchPlatform, central: str) -> None:
    with platform.app.app_context(), unit_of_work() as session:
        places = session.execute(sa.select(HospitalDatabase.database_name, HospitalDatabase.login_role)).all()
    with platform.cluster.connect() as connection:
        for database, role in [*places, (central, f"{central}_web")]:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            connection.execute(f'DROP ROLE IF EXISTS "{role}"')
