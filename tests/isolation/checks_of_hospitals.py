"""What must hold between hospitals, each a sentence that fails when its guard is taken away (`guards.py`)."""

from __future__ import annotations

import contextvars
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from app.core.access_mode import is_read_only
from app.core.db import db
from app.core.queue import BadJob, Envelope, enqueue, queue_named, redis_connection, sign, verify
from app.domain.identity.models import StaffUser
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, find_bound_hospital, tenancy
from app.tenancy.engines import connect
from app.tenancy.errors import HospitalAlreadyBound, NoHospitalBound, WrongDatabase
from app.tenancy.models import HospitalStatus
from tests.isolation import removals
from tests.isolation.asking import Stage
from tests.support.platform import Platform

HOME = "hospital.today"


class Broken(Exception):
    """What the checks raise."""


def a_request_leaves_nothing_bound(stage: Stage, _platform: Platform) -> None:
    def look() -> tuple[Any, bool]:
        assert stage.app.test_client().get("/h/beta/hospital/sign-in").status_code == 200
        return find_bound_hospital(), is_read_only()

    assert contextvars.copy_context().run(look) == (None, False)


def a_unit_leaves_nothing_bound(stage: Stage, _platform: Platform) -> None:
    def look() -> Any:
        with stage.app.app_context():
            with suppress(Broken), bind_hospital("beta"):
                raise Broken
            return find_bound_hospital()

    assert contextvars.copy_context().run(look) is None


def a_hospital_inside_another_is_refused(stage: Stage, _platform: Platform) -> None:
    def bind_two() -> None:
        with stage.app.app_context(), bind_hospital("alpha"), bind_hospital("beta"):
            pass

    with pytest.raises(HospitalAlreadyBound):
        contextvars.copy_context().run(bind_two)


def work_bound_to_no_hospital_reaches_none(stage: Stage, _platform: Platform) -> None:
    with stage.app.app_context(), pytest.raises(NoHospitalBound):
        db.session.scalars(sa.select(Patient)).all()


def a_suspended_hospital_serves_nobody(stage: Stage, platform: Platform) -> None:
    _set_status(stage, platform, HospitalStatus.SUSPENDED)
    try:
        assert stage.app.test_client().get("/h/beta/hospital/sign-in").status_code == 503
    finally:
        _set_status(stage, platform, HospitalStatus.ACTIVE)


def _set_status(stage: Stage, platform: Platform, status: HospitalStatus) -> None:
    with platform.admin() as connection:
        connection.execute("UPDATE hospitals SET status = %s WHERE code = 'beta'", (status.value,))
    with stage.app.app_context():
        tenancy().registry.forget()


def a_database_of_another_hospital_serves_nothing(stage: Stage, _platform: Platform) -> None:
    with stage.app.app_context():
        alpha, beta = (tenancy().registry.get_by_code(code) for code in ("alpha", "beta"))
        engine = tenancy().engines.get(replace(alpha, whereabouts=beta.whereabouts))
        try:
            with pytest.raises(WrongDatabase):
                engine.connect().close()
        finally:
            tenancy().engines.dispose()


def a_hospitals_role_cannot_enter_the_others_database(_stage: Stage, platform: Platform) -> None:
    stolen = replace(removals.place_of(platform, "alpha"), database=platform.databases["beta"])
    with pytest.raises(psycopg.OperationalError):
        connect(stolen, 5).close()


def what_one_hospital_asked_for_is_not_taken_for_the_others(stage: Stage, _platform: Platform) -> None:
    with stage.app.app_context():
        redis_connection().flushdb()
        for code in ("alpha", "beta"):
            enqueue("deliver_messages", hospital=code)
        assert {verify(job.args[0]).hospital for job in queue_named("hospital").jobs} == {"alpha", "beta"}


def a_forged_job_is_refused(stage: Stage, _platform: Platform) -> None:
    """Neither one that was never signed, nor one that was signed for another hospital."""
    with stage.app.app_context():
        real = json.loads(sign(Envelope("sync_hospital", "alpha", {}, "n")))
        elsewhere = real["body"].replace('"alpha"', '"beta"')
        assert elsewhere != real["body"]
        for mac in ("", "0" * 64, real["mac"]):
            with pytest.raises(BadJob):
                verify(json.dumps({"body": elsewhere, "mac": mac}))


def an_error_quotes_no_row(stage: Stage, _platform: Platform) -> None:
    word = stage.worlds["here"].canary
    with stage.app.app_context(), bind_hospital("beta"):
        db.session.add(StaffUser(username="lacks.something", full_name=word))
        with pytest.raises(sa.exc.IntegrityError) as caught:
            db.session.flush()
    assert word not in str(caught.value)
    assert word not in str(caught.value.orig)
