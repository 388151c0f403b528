"""The demo accounts work, the file says them, and none of this is done twice."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.cli.demo import Account, current_codes, demo_table, write_demo_json
from app.cli.demo.accounts import DemoSecrets
from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.domain.identity.models import PatientUser, StaffUser
from app.domain.identity.sign_in import check_operator, check_patient, check_staff
from app.domain.identity.totp import accept_code
from app.domain.patients.models import Patient
from app.tenancy.models import PlatformUser
from tests.integration.demo.conftest import DEMO_CODES, Demo
from tests.support.client import CheckingClient

BASE_URL = "http://127.0.0.1:8000"


@contextmanager
def signing_in(demo: Demo, account: Account) -> Iterator[PlatformUser | StaffUser | PatientUser]:
    if account.hospital is None:
        with demo.platform.app.app_context(), unit_of_work():
            yield check_operator(account.username, account.password)
        return
    with demo.inside(account.hospital):
        check = check_patient if account.portal == "patient" else check_staff
        yield check(account.username, account.password)


def test_every_account_signs_in(demo: Demo) -> None:
    for account in demo.accounts:
        with signing_in(demo, account) as found:
            assert (found.totp_ciphertext is not None) == (account.totp_secret is not None)


def test_the_codes_that_are_shown_are_accepted(demo: Demo, tmp_path: Path) -> None:
    write_demo_json(tmp_path / "demo.json", BASE_URL, demo.accounts)
    with clock.frozen_at(clock.now()):
        codes = [code for _, code in current_codes(tmp_path / "demo.json")]
        with_factor = [account for account in demo.accounts if account.totp_secret]
        assert len(codes) == len(with_factor) == 2 + 6 * len(DEMO_CODES)
        for account, code in zip(with_factor, codes, strict=True):
            with signing_in(demo, account) as found:
                assert accept_code(demo.platform.app.extensions["keyring"], found, code)


def test_staff_and_patients_see_their_first_page(demo: Demo) -> None:
    for account in demo.accounts:
        if account.hospital is None:
            continue
        portal = f"/h/{account.hospital}/{account.portal}/"
        browser: CheckingClient = demo.platform.app.test_client()  # type: ignore[assignment]
        browser.authenticator = account.totp_secret
        answer = browser.submit(f"{portal}sign-in", {"username": account.username, "password": account.password})
        assert answer.status_code == 303, account
        assert browser.get(portal, follow_redirects=True).status_code == 200, account


def test_there_is_an_account_for_every_role(demo: Demo) -> None:
    kinds = [(a.portal, a.hospital, a.role, a.totp_secret is not None) for a in demo.accounts]
    assert kinds[:2] == [("admin", None, "super_admin", True), ("admin", None, "technician", True)]
    for code in DEMO_CODES:
        assert [kind[2:] for kind in kinds if kind[:2] == ("hospital", code)] == [
            ("doctor", True), ("doctor", True), ("nurse", True), ("receptionist", True), ("lab_technician", True),
            ("administrator", True),
        ]  # fmt: skip


def test_one_patient_is_known_to_both_hospitals(demo: Demo) -> None:
    usernames = [{a.username for a in demo.accounts if a.portal == "patient" and a.hospital == c} for c in DEMO_CODES]
    [shared] = set.intersection(*usernames)
    query = sa.select(Patient.full_name, Patient.born_on, Patient.phone).where(Patient.cccd == shared)
    assert demo.rows(DEMO_CODES[0], query) == demo.rows(DEMO_CODES[1], query) != []
    assert len(set.union(*usernames)) == 2


def test_passwords_are_long_and_differ_between_installations(demo: Demo) -> None:
    assert all(len(account.password) >= 12 for account in demo.accounts)
    ours, theirs = (DemoSecrets("x" * 32), DemoSecrets("y" * 32))
    assert ours.staff_password != theirs.staff_password
    assert ours.totp_secret("somebody") != theirs.totp_secret("somebody")


def test_the_file_has_the_agreed_layout_and_is_for_its_owner_alone(demo: Demo, tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    for _ in range(2):
        write_demo_json(path, BASE_URL, demo.accounts)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(content) == ["base_url", "hospitals", "accounts"]
    assert content["base_url"] == BASE_URL
    assert content["hospitals"][0] == {
        "code": "cho-lon",
        "name": "Bệnh viện Chợ Lớn (dữ liệu mẫu)",
        "hospital_url": f"{BASE_URL}/h/cho-lon/hospital/",
        "patient_url": f"{BASE_URL}/h/cho-lon/patient/",
    }
    fields = {"portal", "hospital", "role", "username", "password", "totp_secret"}
    assert all(set(account) == fields for account in content["accounts"])
    assert [path.name for path in tmp_path.iterdir()] == ["demo.json"]


@pytest.mark.parametrize("terminal", [True, False])
def test_the_table_shows_every_address_and_account(demo: Demo, terminal: bool) -> None:
    table = demo_table(BASE_URL, demo.accounts, terminal=terminal)
    assert f"{BASE_URL}/h/song-han/hospital/" in table
    assert f"{BASE_URL}/patient/" in table
    assert all(account.username in table and account.password in table for account in demo.accounts)
    assert ("\x1b[" in table) == terminal


def test_a_second_run_changes_nothing(demo: Demo) -> None:
    before = {code: demo.platform.rows_of(code) for code in DEMO_CODES}
    assert demo.again() == demo.accounts
    assert {code: demo.platform.rows_of(code) for code in DEMO_CODES} == before
