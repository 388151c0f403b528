"""The logs in a browser: an administrator searches and exports, a patient sees who looked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind, Basis
from app.domain.audit.operations import record_access, record_change
from app.tenancy.sealing.hospitals import seal_hospital, verify_hospital
from tests.factories import make_patient, make_patient_user, make_staff
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.test_access_rules import sign_in
from tests.functional.words import vi

pytestmark = pytest.mark.browser

LOGS = "/h/alpha/hospital/audit"


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_logs_are_searched_exported_and_shown_to_the_patient(
    app: Flask,
    alpha: str,
    bound: Callable[[str], Any],
    open_browser: Callable[..., Watched],
    shape: Any,
    tmp_path: Path,
) -> None:
    name = "phone" if shape is PHONE else "desktop"
    with bound(alpha):
        make_staff("administrator", username="quan.tri", full_name="Lê Thị Quản Trị")
        nurse = make_staff("nurse", full_name="Võ Thị Lan")
        doctor = make_staff("doctor", full_name="Đỗ Văn Cấp")
        patient = make_patient(full_name="Trần Thị Đào")
        make_patient_user(patient)
        cccd, code, patient_id = patient.cccd, patient.code, patient.id
        often = Actor(
            ActorKind.STAFF, nurse.id, nurse.full_name, address="10.0.0.8", request_id="01f", basis=Basis.TREATING
        )
        once = Actor(ActorKind.STAFF, doctor.id, doctor.full_name, address="10.0.0.9", basis=Basis.EMERGENCY)
        about: dict[str, Any] = {"subject_type": "patient", "subject_id": patient_id}
        for action in ("patient.view", "visit.view", "record.view"):
            record_access(often, action, **about, patient_ids=[patient_id])
        record_change(often, "patient.update", **about, patient_id=patient_id, changes={"fields": ["phone", "ward"]})
        with clock.frozen_at(clock.now() - timedelta(days=1)):
            record_access(once, "record.view", **about, patient_ids=[patient_id])
    with app.app_context():
        seal_hospital(alpha)
        verify_hospital(alpha)

    desk = open_browser(shape, accept_downloads=True)
    sign_in(desk, "/h/alpha/hospital/sign-in", vi("Sign-in name"), "quan.tri")
    desk.show_code()
    desk.go(f"{LOGS}?log=looks&patient={code}")
    assert desk.says("Võ Thị Lan")
    desk.look(f"logs-{name}", full=True)
    desk.go(f"{LOGS}?log=changes&since=99")
    desk.go(LOGS)
    with desk.page.expect_download() as download:
        desk.page.get_by_role("button", name=vi("Export as CSV")).click()
    download.value.save_as(tmp_path / "log.csv")
    assert "patient.update" in (tmp_path / "log.csv").read_text()
    desk.go(f"/h/alpha/hospital/patients/{patient_id}/access")
    desk.look(f"looks-staff-{name}", full=True)

    home = open_browser(shape)
    sign_in(home, "/h/alpha/patient/sign-in", vi("CCCD or phone number"), cccd)
    home.go("/h/alpha/patient/record/access")
    assert home.says("Đỗ Văn Cấp")
    assert home.says(vi("Emergency access"))
    home.look(f"looks-patient-{name}", full=True)
    assert desk.faults == home.faults == []
