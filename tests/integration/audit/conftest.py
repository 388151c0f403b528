"""Logs with rows in them, and hands that reach around the triggers as only a superuser can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask

from app.core.actor import Actor, ActorKind, Basis
from app.core.child_process import wait_until
from app.core.ids import new_id
from app.domain.audit.operations import record_access, record_change
from app.tenancy.sealing import hospitals
from tests.support.platform import Platform

NURSE = Actor(ActorKind.STAFF, new_id(), "Điều dưỡng Thử", address="10.1.2.3", request_id="r-1", basis=Basis.TREATING)


OLDER = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_xid::text::bigint < %s AND (backend_type <> 'client backend' OR NOT datname = ANY (%s))
"""


@pytest.fixture
def settle(platform: Platform) -> Callable[[], None]:
    """Wait until no transaction of another test process, or of autovacuum, is older: the server counts all."""

    def wait() -> None:
        own = [platform.central_name, *platform.databases.values(), *platform.own_databases()]
        with platform.cluster.connect() as connection:
            (now,) = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()  # type: ignore[misc]
            assert wait_until(lambda: connection.execute(OLDER, (now, own)).fetchone() == (0,), 60)

    return wait


@pytest.fixture(autouse=True)
def undisturbed(settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Seal when others let it: a row that an older transaction holds back is sealed the next time."""
    sealing = hospitals.seal

    def seal(engine: Any, logs: Any) -> int:
        settle()
        return sealing(engine, logs)

    monkeypatch.setattr(hospitals, "seal", seal)


@pytest.fixture
def write(bound: Callable[[str], Any], settle: Callable[[], None]) -> Callable[..., None]:
    """`write("alpha", 3)`: so many changes and so many looks, each in a transaction of its own, ready to be sealed."""

    def write(code: str, count: int = 1, patient: UUID | None = None) -> None:
        for _ in range(count):
            with bound(code):
                whom = patient or new_id()
                record_change(
                    NURSE, "patient.update", subject_type="patient", subject_id=whom, patient_id=whom,
                    changes={"fields": ["phone", 'quoted "ä"']},
                )  # fmt: skip
                record_access(
                    NURSE, "patient.view", subject_type="patient", subject_id=whom, patient_ids=[whom, new_id()]
                )
        settle()

    return write


@pytest.fixture
def tamper(app: Flask, platform: Platform) -> Callable[..., Any]:
    """`with tamper("alpha") as connection:` a superuser whom no trigger stops."""

    @contextmanager
    def enter(code: str | None) -> Iterator[psycopg.Connection[Any]]:
        with platform.admin(code) as connection:
            connection.execute("SET session_replication_role = replica")
            yield connection

    return enter
