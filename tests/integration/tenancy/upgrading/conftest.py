"""A fleet that is one revision behind, in databases of its own, and the operator who upgrades it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy import schema
from app.tenancy.ledger.performing import perform
from app.tenancy.models import Hospital, MigrationRun, MigrationState
from app.tenancy.queries import get_hospital
from app.tenancy.upgrading import running, scripts
from app.tenancy.upgrading.planning import FleetRequest
from app.tenancy.upgrading.running import request_fleet_migration
from app.tenancy.upgrading.single import request_migration
from tests.support.platform import ACTOR, Platform
from tests.support.revisions import NEW, OLD

FLEET = ("gamma", "delta", "epsilon", "zeta", "theta", "iota")


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with app.app_context():
        yield app


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PAUSE_SECONDS", 0.05)


@pytest.fixture
def bring(app: Flask) -> Callable[[str, str], dict[str, Any]]:
    """`bring("alpha", OLD)`: a hospital at another revision."""

    def to(code: str, revision: str) -> dict[str, Any]:
        with app.app_context():
            with unit_of_work():
                wanted = request_migration(ACTOR, get_hospital(code), revision, wake=False).id
            return perform(wanted)

    return to


@pytest.fixture
def fleet(platform: Platform, context: Flask, bring: Any) -> tuple[str, ...]:
    """Six further hospitals that are behind; alpha and beta are current."""
    for code in FLEET:
        platform.create_hospital(code)
        bring(code, OLD)
    return FLEET


@pytest.fixture
def ask(context: Flask) -> Callable[..., UUID]:
    """`ask(budget="0")`: a fleet migration that was asked for."""

    def request(**facts: Any) -> UUID:
        with unit_of_work():
            return request_fleet_migration(ACTOR, FleetRequest(**facts), wake=False).id

    return request


@pytest.fixture
def revisions(platform: Platform, context: Flask) -> Callable[[], dict[str, str]]:
    """`revisions()`: what the databases say, by code; the register must say the same."""

    def read() -> dict[str, str]:
        with unit_of_work() as session:
            noted = {
                row.code: row.schema_revision
                for row in session.execute(sa.select(Hospital.code, Hospital.schema_revision))
            }
        found = {}
        for code in noted:
            with platform.admin(code) as connection:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                assert row is not None
                found[code] = row[0]
        assert noted == found
        return found

    return read


@pytest.fixture
def states(context: Flask) -> Callable[[UUID], dict[str, MigrationState]]:
    """`states(operation)`: the ledger of a run by code."""

    def read(operation_id: UUID) -> dict[str, MigrationState]:
        with unit_of_work() as session:
            query = sa.select(Hospital.code, MigrationRun.state).join(MigrationRun)
            rows = session.execute(query.where(MigrationRun.operation_id == operation_id))
            return {row.code: row.state for row in rows}

    return read


@pytest.fixture
def further(context: Flask, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """`further(body)`: a revision of this test's own after the newest; the body is its `upgrade` and what it needs."""

    def add(body: str) -> str:
        (tmp_path / "h901_try.py").write_text(HEADER + body)
        schema.further_versions["hospital"].append(tmp_path)
        _forget()
        return "h901"

    yield add
    schema.further_versions["hospital"].clear()
    _forget()


def _forget() -> None:
    schema.head_revision.cache_clear()
    scripts.list_revisions.cache_clear()


HEADER = f'''"""Try something."""
import sqlalchemy as sa
from alembic import op
from app.tenancy.upgrading.concurrently import create_index_concurrently
revision = "h901"
down_revision = "{NEW}"
branch_labels = None
depends_on = None
'''
