"""A change in the register of hospitals is known to a listening process at once, though it trusts its memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.core.db import db
from app.tenancy.announcements import Listener, start_listening
from app.tenancy.binding import tenancy
from app.tenancy.models import HospitalStatus
from tests.integration.jobs.conftest import until
from tests.support.platform import Platform


@pytest.fixture
def trusting(app: Flask, platform: Platform) -> Iterator[Flask]:
    """An application that trusts what it knows for an hour."""
    trusting = platform.make_app(registry_seconds=3600)
    yield trusting
    with trusting.app_context():
        db.engine.dispose()


@pytest.fixture
def listener(trusting: Flask) -> Iterator[Listener]:
    listener = start_listening(trusting)
    assert listener.listening.wait(60)
    yield listener
    listener.stop()


def status(app: Flask) -> HospitalStatus:
    with app.app_context():
        return tenancy().registry.get_by_code("alpha").status


def suspend(platform: Platform) -> None:
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET status = 'suspended' WHERE code = 'alpha'")


def test_a_change_is_heard(trusting: Flask, platform: Platform, listener: Listener, alpha: str) -> None:
    assert status(trusting) is HospitalStatus.ACTIVE
    suspend(platform)
    assert until(lambda: status(trusting) is HospitalStatus.SUSPENDED)


def test_a_change_during_a_lost_connection_is_heard_after_it(
    trusting: Flask, platform: Platform, listener: Listener, alpha: str
) -> None:
    assert status(trusting) is HospitalStatus.ACTIVE
    with platform.cluster.connect() as connection:
        connection.execute(f'ALTER DATABASE "{platform.central_name}" WITH CONNECTION LIMIT 0')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'vien-listen' AND datname = %s",
            (platform.central_name,),
        )
        assert until(lambda: not listener.listening.is_set())
        suspend(platform)
        connection.execute(f'ALTER DATABASE "{platform.central_name}" WITH CONNECTION LIMIT -1')
    assert until(lambda: status(trusting) is HospitalStatus.SUSPENDED)
