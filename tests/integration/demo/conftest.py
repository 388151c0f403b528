"""Both demo hospitals, filled once for the tests of a file that only look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.cli.demo import Account, ensure_demo
from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import bind_hospital
from tests.support.platform import Platform

DEMO_CODES = ("cho-lon", "song-han")


@dataclass(frozen=True)
class Demo:
    """The demo on a test platform."""

    platform: Platform
    accounts: list[Account]
    made_at: datetime

    @contextmanager
    def inside(self, code: str) -> Iterator[Session]:
        """Work inside one of the hospitals."""
        with self.platform.app.app_context(), bind_hospital(code), unit_of_work():
            yield db.session()

    def rows(self, code: str, query: Any) -> list[Any]:
        """Return the rows of a query inside one of the hospitals."""
        with self.inside(code) as session:
            return list(session.execute(query).all())

    def again(self) -> list[Account]:
        """Make sure of the demo once more."""
        with self.platform.app.app_context():
            return ensure_demo(self.platform.app)


@pytest.fixture(scope="module")
def demo(platform: Platform) -> Iterator[Demo]:
    """The two demo hospitals; do not use `app` in the same file, which empties the platform after each test."""
    begun_at = clock.now()
    with platform.app.app_context():
        accounts = ensure_demo(platform.app)
    made_at = max(begun_at, clock.now())
    try:
        for code in DEMO_CODES:
            platform.databases[code] = platform.database_name(code)
        yield Demo(platform, accounts, made_at)
    finally:
        for code in DEMO_CODES:
            platform.databases.pop(code, None)
        platform.reset()
