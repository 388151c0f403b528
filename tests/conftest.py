"""The fixtures that every test may use. Their work is done in tests/support and tests/factories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as properties

from app.core import queue
from app.core.unit_of_work import unit_of_work
from app.domain.identity import passwords
from app.domain.identity.models import PatientUser
from app.tenancy.binding import bind_hospital
from app.tenancy.health import central, hospitals, reading
from app.tenancy.health import servers as health_servers
from app.tenancy.models import OperatorRole
from app.web import security
from tests import factories
from tests.support import servers as test_servers
from tests.support.client import CheckingClient
from tests.support.platform import Platform
from tests.support.queries import count_queries
from tests.support.servers import Servers
from tests.support.signing_in import sign_in_proven

__all__ = ["count_queries"]

# How long an example takes says how busy the machine is, and nothing about a property.
properties.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
properties.load_profile("tests")

Bind = Callable[[str], Any]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the servers before the first parallel worker and tell it where they are."""
    servers = test_servers.find_or_start(node.config)
    node.workerinput[test_servers.KEY] = (servers.admin_url, servers.redis_url)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one process run, one after the other, the tests that look at the whole server."""
    from tests.support.scheduling import GroupsOfFiles

    return GroupsOfFiles(config, log)


def pytest_unconfigure() -> None:
    """Stop what this process started."""
    test_servers.stop_started()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """The run's PostgreSQL and Redis."""
    return test_servers.find_or_start(request.config)


@pytest.fixture(scope="session")
def platform(servers: Servers, worker_id: str) -> Iterator[Platform]:
    """A platform with the hospitals alpha and beta; reset it through the fixtures that use it."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._hasher, passwords._of_nobody = quick, quick.hash("a password that nobody has")
    # A busy machine is no finding of these tests, and no reason to look away from a service that is there.
    hospitals.SLOW_MS = health_servers.SLOW_MS = 3_600_000
    hospitals.CONNECT_SECONDS = health_servers.CONNECT_SECONDS = reading.CONNECT_SECONDS = 60
    hospitals.answering = health_servers.answering = partial(reading.answering, seconds=60)
    reading.ANSWER_SECONDS = central.LIMIT_SECONDS = 60
    queue.ANSWER_SECONDS = security.ANSWER_SECONDS = 60
    platform = Platform(servers, worker_id)
    platform.reset()  # the first test finds what every other one finds
    yield platform
    platform.close()


@pytest.fixture
def app(platform: Platform, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The application. Afterwards both hospitals are empty again, and one that was not asked for never had a row."""
    yield platform.app
    for code, emptied in platform.reset().items():
        assert code in request.fixturenames or not emptied, f"{code} was none of this test's business"


@pytest.fixture
def alpha(app: Flask) -> str:
    """The code of the first hospital."""
    return "alpha"


@pytest.fixture
def beta(app: Flask) -> str:
    """The code of the second hospital."""
    return "beta"


@pytest.fixture
def client(app: Flask) -> CheckingClient:
    """A browser that nobody is signed in with."""
    return app.test_client()  # type: ignore[return-value]


@pytest.fixture
def bound(app: Flask) -> Callable[[str], Any]:
    """`with bound("alpha"):` work inside a hospital, committed at the end."""

    @contextmanager
    def enter(code: str) -> Iterator[None]:
        with app.app_context(), bind_hospital(code), unit_of_work():
            yield

    return enter


@pytest.fixture
def sign_in_staff(app: Flask, bound: Bind) -> Callable[..., CheckingClient]:
    """`sign_in_staff("alpha", "doctor")`: a browser with a new member of staff; `.person` has id and username."""

    def sign_in(code: str, role: str = "doctor", **facts: Any) -> CheckingClient:
        with bound(code):
            staff = factories.make_staff(role, **facts)
            person = {"id": staff.id, "username": staff.username, "full_name": staff.full_name}
        return _sign_in(app, f"/h/{code}/hospital/sign-in", person, code)

    return sign_in


@pytest.fixture
def sign_in_patient(app: Flask, bound: Bind) -> Callable[..., CheckingClient]:
    """`sign_in_patient("alpha")`: a browser with a new patient, or a given one; `.person["patient_id"]`."""

    def sign_in(code: str, patient_id: Any = None, **facts: Any) -> CheckingClient:
        from app.core.db import db
        from app.domain.patients.models import Patient

        with bound(code):
            patient = db.session.get(Patient, patient_id) if patient_id else factories.make_patient(**facts)
            account: PatientUser = factories.make_patient_user(patient)
            person = {"id": account.id, "patient_id": patient.id, "cccd": patient.cccd, "full_name": patient.full_name}
        return _sign_in(app, f"/h/{code}/patient/sign-in", person, code)

    return sign_in


@pytest.fixture
def sign_in_operator(app: Flask) -> Callable[..., CheckingClient]:
    """`sign_in_operator(role)`: a browser with a new operator."""

    def sign_in(role: OperatorRole = OperatorRole.SUPER_ADMIN, username: str = "operator") -> CheckingClient:
        with app.app_context(), unit_of_work():
            user = factories.make_operator(username, role)
            person = {"id": user.id, "username": user.username}
        return _sign_in(app, "/admin/sign-in", person, None)

    return sign_in


def _sign_in(app: Flask, url: str, person: dict[str, Any], hospital: str | None) -> CheckingClient:
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    response = sign_in_proven(browser, url, person["id"])
    assert response.status_code == 303, response.get_data(as_text=True)
    browser.person, browser.hospital = person, hospital
    return browser
