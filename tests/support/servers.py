"""PostgreSQL and Redis for a test run: those named by TEST_DATABASE_URL and TEST_REDIS_URL, else embedded ones.

They are started once per run, by the process that steers the parallel workers, and handed to these.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from app.core.embedded import Services, start_services

KEY = "servers"


class Servers:
    """The addresses of a test run's servers."""

    def __init__(self, admin_url: str, redis_url: str) -> None:
        self.admin_url = admin_url
        self.redis_url = redis_url


_started: list[Services] = []


def find_or_start(config: pytest.Config) -> Servers:
    """Return the servers of this run, starting embedded ones where none are given."""
    given = getattr(config, "workerinput", {}).get(KEY)
    if given:
        return Servers(*given)
    if not hasattr(config, "_vien_servers"):
        config._vien_servers = _start()  # type: ignore[attr-defined]
    servers: Servers = config._vien_servers  # type: ignore[attr-defined]
    return servers


def _start() -> Servers:
    admin_url, redis_url = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if admin_url and redis_url:
        return Servers(admin_url, redis_url)
    services = start_services(
        Path(tempfile.mkdtemp(prefix="vien-test-")),
        fast=True,
        with_postgres=not admin_url,
        with_valkey=not redis_url,
    )
    _started.append(services)
    return Servers(admin_url or services.admin_database_url, redis_url or services.redis_url)


def stop_started() -> None:
    """Stop what this process started, and remove its folder."""
    from app.core.embedded import remove

    while _started:
        services = _started.pop()
        services.stop()
        remove(services.var)
