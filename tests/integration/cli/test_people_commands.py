"""`flask hospital add-staff|add-hours|add-patient-account` and `flask platform add-cluster|change-cluster|clusters`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import DoctorSchedule
from app.domain.identity.staff import TooManyUsers
from app.tenancy.binding import tenancy
from app.tenancy.models import Hospital
from tests import factories
from tests.support.client import CheckingClient
from tests.support.platform import Platform

PASSWORD = "trang-len-dinh-nui-xanh"
SECRET = {"VIEN_NEW_PASSWORD": PASSWORD}
STAFF = ["hospital", "add-staff", "alpha", "bac.si", "--name", "Bác sĩ Một", "--role", "doctor", "--department", "NOI"]
HOURS = [
    "hospital", "add-hours", "alpha", "bac.si", "--department", "NOI", "--day", "mon", "--day", "tue",
    "--from", "07:30", "--to", "11:30",
]  # fmt: skip


def run(app: Flask, *words: str, **facts: Any) -> Result:
    return app.test_cli_runner().invoke(args=list(words), **facts)


def test_a_doctor_gets_an_account_and_hours(
    app: Flask, alpha: str, client: CheckingClient, bound: Callable[[str], Any]
) -> None:
    made = run(app, *STAFF, "--json", env=SECRET)
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout) == {"hospital": "alpha", "username": "bac.si", "roles": "doctor"}
    signed_in = client.submit("/h/alpha/hospital/sign-in", {"username": "bac.si", "password": PASSWORD})
    assert signed_in.status_code == 303
    assert run(app, *HOURS).exit_code == 0
    with bound("alpha"):
        assert sorted(db.session.scalars(sa.select(DoctorSchedule.weekday))) == [0, 1]
    again = run(app, *HOURS)
    assert (again.exit_code, "overlap" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    "changed",
    [
        {"07:30": "half past seven"},
        {"11:30": "07:00"},
        {"NOI": "NONE"},
        {"bac.si": "nobody"},
    ],
)
def test_hours_that_make_no_sense_are_refused(app: Flask, alpha: str, changed: dict[str, str]) -> None:
    run(app, *STAFF, env=SECRET)
    result = run(app, *[changed.get(word, word) for word in HOURS])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_a_patient_gets_an_account(app: Flask, alpha: str, bound: Callable[[str], Any], client: CheckingClient) -> None:
    with bound("alpha"):
        patient = factories.make_patient()
        code, cccd = patient.code, patient.cccd
    made = run(app, "hospital", "add-patient-account", "alpha", code, env=SECRET)
    assert made.exit_code == 0, made.stderr
    assert client.submit("/h/alpha/patient/sign-in", {"username": cccd, "password": PASSWORD}).status_code == 303
    assert run(app, "hospital", "add-patient-account", "alpha", code, env=SECRET).exit_code == 1
    assert run(app, "hospital", "add-patient-account", "alpha", "BN-999999", env=SECRET).exit_code == 3


def test_a_plan_allows_so_many_accounts_and_no_more(
    app: Flask, platform: Platform, bound: Callable[[str], Any]
) -> None:
    platform.create_hospital("gamma", max_users=2)
    with bound("gamma"):
        factories.make_staff()
        factories.make_staff()
    with pytest.raises(TooManyUsers), bound("gamma"):
        factories.make_staff()
    full = run(app, *[word.replace("alpha", "gamma") for word in STAFF], env=SECRET)
    assert (full.exit_code, "2 staff accounts" in full.stderr) == (1, True)
    with app.app_context():
        with unit_of_work() as session:
            session.execute(sa.update(Hospital).where(Hospital.code == "gamma").values(max_users=3))
        tenancy().registry.forget()
    with bound("gamma"):
        factories.make_staff()


def test_a_server_without_an_address_is_not_added_and_the_one_there_is_listed(app: Flask) -> None:
    refused = run(app, "platform", "add-cluster", "hanoi", "--region", "vn")
    assert (refused.exit_code, "CLUSTER_ADMIN_URLS" in refused.stderr) == (1, True)
    listed = run(app, "platform", "clusters", "--json")
    assert listed.exit_code == 0, listed.stderr
    assert [json.loads(line)["name"] for line in listed.stdout.splitlines()] == ["main"]
    assert run(app, "platform", "change-cluster", "main").exit_code == 2
    assert run(app, "platform", "change-cluster", "nowhere", "--capacity", "5").exit_code == 2
    assert run(app, "platform", "change-cluster", "main", "--capacity", "500").exit_code == 0
