"""Asking for and performing work on credentials as an operator's command does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Hospital, HospitalDatabase
from app.tenancy.queries import get_hospital
from tests.support.platform import ACTOR

Performed = Callable[..., dict[str, Any]]


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


@pytest.fixture
def performed(context: Flask) -> Performed:
    """`performed("hospital.rotate_credentials", "alpha")`: what came of an operation."""

    def run(kind: str, code: str | None = None, **arguments: Any) -> dict[str, Any]:
        with unit_of_work():
            hospital = get_hospital(code) if code else None
            wanted = request_operation(ACTOR, kind, hospital=hospital, arguments=arguments, wake=False).id
        return perform(wanted)

    return run


@pytest.fixture
def role_of(context: Flask) -> Callable[[str], str]:
    """`role_of("alpha")`: the role under which a hospital's database is used now."""

    def find(code: str) -> str:
        with unit_of_work() as session:
            query = sa.select(HospitalDatabase.login_role).join(Hospital).where(Hospital.code == code)
            return session.scalars(query).one()

    return find
