"""A hospital of its own, with people in it, that may be archived and deleted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.centre.sync import synchronise_fully
from app.tenancy.binding import tenancy
from app.tenancy.credentials.orphans import Orphan, find_orphans
from app.tenancy.ending.archiving import request_archiving
from app.tenancy.ending.deleting import request_deletion, request_due_deletions
from app.tenancy.ledger.performing import perform
from app.tenancy.models import Hospital, HospitalStatus, Operation
from app.tenancy.operations import suspend_hospital
from tests.factories import make_appointment, make_patient, make_staff
from tests.support.platform import ACTOR, Platform

GAMMA = "gamma"


_tokens: list[str] = []


@pytest.fixture(autouse=True)
def remember_tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remember the random part of every name that this test gives: the server is shared with other test processes."""
    real = secrets.token_hex

    def token_hex(nbytes: int | None = None) -> str:
        _tokens.append(real(nbytes))
        return _tokens[-1]

    monkeypatch.setattr(secrets, "token_hex", token_hex)
    yield
    _tokens.clear()


def own_orphans() -> list[Orphan]:
    """Return the orphans that this test has made."""
    return [orphan for orphan in find_orphans() if any(token in orphan.name for token in _tokens)]


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


@pytest.fixture
def gamma(context: Flask, platform: Platform, bound: Callable[[str], Any]) -> str:
    """The code of a hospital with a doctor, two patients and a visit, heard of by the centre."""
    platform.create_hospital(GAMMA)
    with bound(GAMMA):
        doctor = make_staff("doctor")
        patient = make_patient(full_name='Nguyễn "Ba", Thị\nHai')
        make_patient()
        make_appointment(doctor_id=doctor.id, patient_id=patient.id)
    synchronise_fully(GAMMA)
    return GAMMA


def hospital_of(code: str) -> Hospital:
    with unit_of_work() as session:
        hospital = session.scalars(sa.select(Hospital).where(Hospital.code == code)).one()
        session.expunge(hospital)
        return hospital


def status_of(code: str) -> HospitalStatus:
    return hospital_of(code).status


def suspend(code: str) -> None:
    with unit_of_work():
        suspend_hospital(ACTOR, code, "Hợp đồng hết hạn")
    tenancy().registry.forget()


def asked(request: Callable[..., Operation], *args: Any, **facts: Any) -> UUID:
    with unit_of_work():
        return request(ACTOR, *args, wake=False, **facts).id


def archive(code: str) -> dict[str, Any]:
    return perform(asked(request_archiving, code, "Ngừng hoạt động"))


def prepare(code: str, *, destroy: bool = False) -> dict[str, Any]:
    return perform(asked(request_deletion, code, "Bệnh viện đã giải thể", destroy=destroy))


def let_grace_pass(code: str) -> None:
    with unit_of_work() as session:
        session.execute(
            sa.update(Hospital)
            .where(Hospital.code == code)
            .values(delete_after=sa.func.now() - sa.text("interval '1 hour'"))
        )


def ask_for_due() -> UUID:
    with unit_of_work() as session:
        assert request_due_deletions(ACTOR, wake=False) == [GAMMA]
        return session.scalars(
            sa.select(Operation.id).where(Operation.kind == "hospital.delete").order_by(Operation.id.desc())
        ).first()  # type: ignore[return-value]
