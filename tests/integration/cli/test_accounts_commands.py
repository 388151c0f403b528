"""Accounts on the command line: operators, staff, and the code that a patient is handed."""

from __future__ import annotations

import json
import re
from typing import Any

import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.identity.models import StaffUser
from app.domain.messages.models import OutboundMessage
from app.tenancy.models import PlatformLetter, PlatformUser
from tests import factories
from tests.support.client import CheckingClient


def run(app: Flask, *words: str, **facts: Any) -> Result:
    return app.test_cli_runner().invoke(args=list(words), **facts)


def test_an_operator_is_invited_disabled_and_enabled(app: Flask) -> None:
    invite = ["platform", "invite-operator", "van.tran", "--name", "Trần Văn", "--email", "van@vien.example"]
    made = run(app, *invite, "--role", "support", "--json")
    assert json.loads(made.stdout) == {"username": "van.tran", "role": "support", "invited": "van@vien.example"}
    with app.app_context():
        assert "/admin/invitation/" in db.session.scalars(sa.select(PlatformLetter.body)).one()
    assert run(app, *invite).exit_code == 2, "taken"
    assert run(app, "platform", "operator", "van.tran", "disable").exit_code == 2, "without a reason"
    assert run(app, "platform", "operator", "van.tran", "disable", "--reason", "nghỉ việc").exit_code == 0
    assert json.loads(run(app, "platform", "operators", "--json").stdout)["state"] == "disabled"
    for act in ("enable", "unlock", "invite"):
        assert run(app, "platform", "operator", "van.tran", act).exit_code == 0, act
    assert run(app, "platform", "operator", "khong.co", "unlock").exit_code == 3
    with app.app_context():
        assert db.session.scalars(sa.select(PlatformUser.disabled_at)).one() is None


def test_staff_are_invited_unlocked_and_keep_an_administrator(app: Flask, alpha: str, bound) -> None:
    invite = ["hospital", "invite-staff", alpha, "lan.nguyen", "--name", "Nguyễn Lan", "--email", "lan@bv.example"]
    assert run(app, *invite, "--role", "nurse").exit_code == 0
    assert run(app, *invite, "--role", "no-role").exit_code == 2
    with bound(alpha):
        admin = factories.make_staff("administrator").username
        account = db.session.scalars(sa.select(StaffUser).where(StaffUser.username == "lan.nguyen")).one()
        account.throttled_until = clock.now().replace(year=2099)
        assert "/hospital/invitation/" in db.session.scalars(sa.select(OutboundMessage.body)).one()
    assert run(app, "hospital", "staff", alpha, "lan.nguyen", "unlock").exit_code == 0
    last = run(app, "hospital", "staff", alpha, admin, "disable", "--reason", "nghỉ việc")
    assert (last.exit_code, "last account" in last.stderr) == (1, True)
    listed = run(app, "hospital", "staff-accounts", alpha, "--search", "nguyen", "--json")
    assert json.loads(listed.stdout) == {"username": "lan.nguyen", "name": "Nguyễn Lan", "state": "invited"}
    assert run(app, "hospital", "staff", alpha, "khong.co", "unlock").exit_code == 3


def test_a_code_for_a_patient_is_printed(app: Flask, alpha: str, bound, client: CheckingClient) -> None:
    with bound(alpha):
        code = factories.make_patient().code
    made = json.loads(run(app, "hospital", "print-patient-access", alpha, code, "--json").stdout)
    assert re.fullmatch(r"[A-Z2-9]{4}(-[A-Z2-9]{4}){2}", made["code"])
    assert client.submit("/h/alpha/patient/invitation", {"code": made["code"]}).status_code == 303
    assert run(app, "hospital", "print-patient-access", alpha, "BN-000000").exit_code == 3
