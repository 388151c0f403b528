"""A run that is killed half-way, or hospitals that an operator has put away, do not spoil the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.cli.demo import ensure_demo
from app.cli.demo.cast import HOSPITALS
from app.core.unit_of_work import unit_of_work
from app.tenancy.binding import tenancy
from app.tenancy.models import Hospital, HospitalStatus
from app.tenancy.provisioning import HospitalRequest, request_hospital
from tests.support.platform import ACTOR, Platform

ROOT = Path(__file__).resolve().parents[3]
KILLED_WHILE_FILLING = """
import os, signal
from app import create_app
from app.cli.demo import ensure_demo, filling
from app.tenancy.cluster import Cluster

filling.write_findings = lambda _found: os.kill(os.getpid(), signal.SIGKILL)
app = create_app()
with app.app_context():
    ensure_demo(app)
"""


def patients_of(platform: Platform, code: str) -> int:
    platform.databases[code] = platform.database_name(code)
    try:
        return platform.rows_of(code).get("patients", 0)
    finally:
        del platform.databases[code]


def test_a_run_killed_while_filling_is_healed_by_the_next(app: Flask, platform: Platform) -> None:
    environment = os.environ | platform.environment() | {"LOG_LEVEL": "ERROR"}
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_FILLING], env=environment, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert patients_of(platform, "cho-lon") == 0
    with app.app_context():
        ensure_demo(app)
    assert [patients_of(platform, hospital.code) for hospital in HOSPITALS] == [200, 200]


def test_a_hospital_that_was_only_registered_is_made(app: Flask, platform: Platform) -> None:
    first = HOSPITALS[0]
    with app.app_context():
        with unit_of_work():
            request_hospital(ACTOR, HospitalRequest(first.code, first.name, first.name, is_demo=True))
        ensure_demo(app)
    assert patients_of(platform, first.code) == 200


def test_a_suspended_demo_hospital_stays_suspended(app: Flask, platform: Platform) -> None:
    with app.app_context():
        accounts = ensure_demo(app)
        with unit_of_work() as session:
            session.execute(sa.update(Hospital).values(status=HospitalStatus.SUSPENDED))
        tenancy().registry.forget()
        assert ensure_demo(app) == accounts
        with unit_of_work() as session:
            assert set(session.scalars(sa.select(Hospital.status))) == {HospitalStatus.SUSPENDED}


@pytest.mark.parametrize("code", [hospital.code for hospital in HOSPITALS])
def test_codes_of_demo_hospitals_are_such_as_operators_may_choose(app: Flask, code: str) -> None:
    with app.app_context(), unit_of_work():
        assert request_hospital(ACTOR, HospitalRequest(code, "Một bệnh viện", "Một bệnh viện")).code == code
