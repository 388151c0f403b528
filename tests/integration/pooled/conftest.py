"""The same platform, reached through PgBouncer in transaction mode: the hospitals and the central database alike."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask

from app.core.db import db
from app.tenancy.binding import tenancy
from app.tenancy.pooling import list_pooler_users
from tests.integration.jobs.conftest import hang_up
from tests.integration.web.probe import make_probe
from tests.support.platform import CODES, Platform
from tests.support.pooler import Pooler


@pytest.fixture(scope="package")
def pooler(platform: Platform) -> Iterator[Pooler]:
    """A PgBouncer that knows the platform's roles."""
    server = urlsplit(platform.servers.admin_url)
    made = Pooler(server.hostname or "127.0.0.1", server.port or 5432)
    reconfigure(made, platform)
    made.start()
    yield made
    made.stop()


def reconfigure(pooler: Pooler, platform: Platform, overrides: str = "") -> None:
    """Tell PgBouncer of the roles that there are now."""
    with platform.app.app_context():
        users = list_pooler_users("main")
    pooler.configure(users, overrides)


@pytest.fixture(scope="package")
def pooled_app(platform: Platform, pooler: Pooler) -> Iterator[Flask]:
    """An application that reaches every database through the pooler; hears announcements past it."""
    url = urlsplit(platform.environment()["DATABASE_URL"])
    through = url._replace(netloc=f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{pooler.port}").geturl()
    with platform.admin() as connection:
        connection.execute("UPDATE database_clusters SET pooler_host = '127.0.0.1', pooler_port = %s", (pooler.port,))
    platform.close_connections()
    for code in CODES:
        hang_up(platform, platform.databases[code])  # what applications of other tests still hold in their pools
    made = platform.make_app(
        database_url=through, database_listen_url=url.geturl(), pool_overflow=14, connect_timeout_seconds=10
    )  # PgBouncer keeps whoever asks for a database that is away waiting so long
    made.register_blueprint(make_probe())
    yield made
    with platform.admin() as connection:
        connection.execute("UPDATE database_clusters SET pooler_host = NULL, pooler_port = NULL")
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()
    platform.close_connections()
    with platform.app.app_context():
        tenancy().registry.forget()


@pytest.fixture
def app(platform: Platform, pooled_app: Flask, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The application, through the pooler. What `tests/conftest.py` promises holds here too."""
    yield pooled_app
    emptied = platform.reset()
    with pooled_app.app_context():
        tenancy().registry.forget()
        facts = tenancy().engines.statistics().connections
    assert (facts.in_use, facts.waiting) == (0, 0)
    for code in CODES:
        assert code in request.fixturenames or not emptied[code], f"{code} was none of this test's business"


@pytest.fixture
def probe(app: Flask) -> Flask:
    """The application with pages that fail on purpose."""
    return app
