"""An application with pages that fail on purpose, and browsers that can be looked into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.core.db import db
from app.tenancy.binding import tenancy
from app.web.sessions import PORTALS
from tests.integration.web.confirming_probe import make_acts
from tests.integration.web.probe import make_probe
from tests.support.platform import Platform


@pytest.fixture(scope="session")
def failing(platform: Platform) -> Iterator[Flask]:
    """A second application on the same platform, with the probe's pages."""
    made = platform.make_app()
    made.register_blueprint(make_probe())
    for portal in PORTALS:
        made.register_blueprint(make_acts(portal))
    yield made
    _close(made)


@pytest.fixture
def probe(app: Flask, failing: Flask) -> Iterator[Flask]:
    """The application with pages that fail on purpose; what they leave is removed with what `app` leaves."""
    yield failing
    with failing.app_context():
        tenancy().registry.forget()


@pytest.fixture(scope="session")
def hosted(platform: Platform) -> Iterator[Flask]:
    """The platform as in production: hospitals on hosts of their own, secure cookies, behind a proxy."""
    made = platform.make_app(
        hospital_host_suffix="hospitals.example", base_url="https://vien.example", secure_cookies=True, proxy_hops=1
    )
    yield made
    _close(made)


@pytest.fixture(scope="session")
def single(platform: Platform) -> Iterator[Flask]:
    """An installation for alpha alone."""
    made = platform.make_app(default_hospital="alpha")
    yield made
    _close(made)


def _close(made: Flask) -> None:
    with made.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()
