"""A test from order to review in real browsers: the doctor's, and those of two technicians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.appointments.models import AppointmentStatus
from app.domain.laboratory.models import LabTest
from tests import factories
from tests.factories.people import PASSWORD
from tests.functional.conftest import DESKTOP, PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi

pytestmark = pytest.mark.browser

HOME = "/h/alpha/hospital"


@pytest.fixture
def case(bound: Callable[[str], Any], alpha: str) -> dict[str, Any]:
    """A doctor with a visit of today, two technicians, and the test that is ordered."""
    with bound(alpha):
        doctor = factories.make_staff("doctor", username="bac.si", full_name="Bác sĩ Alpha")
        for name in ("ky.thuat.1", "ky.thuat.2"):
            factories.make_staff("lab_technician", username=name, full_name=f"Kỹ thuật viên {name[-1]}")
        factories.make_staff("administrator", username="quan.tri", full_name="Quản trị")
        patient = factories.make_patient()
        factories.make_appointment(doctor_id=doctor.id, patient_id=patient.id, status=AppointmentStatus.ARRIVED)
        test = db.session.scalars(sa.select(LabTest).where(LabTest.code == "DGD")).one()
        return {"patient": patient.id, "test": test.id, "name": test.name}


@pytest.mark.parametrize(
    ("shape", "scripts"), [(DESKTOP, True), (PHONE, True), (PHONE, False)], ids=["desk", "phone", "without scripts"]
)
def test_a_test_is_ordered_collected_entered_verified_and_reviewed(
    open_browser: Callable[..., Watched], case: dict[str, Any], shape: dict[str, Any], scripts: bool
) -> None:
    def picture(name: str) -> str:
        return f"lab-{name}-{shape['viewport']['width']}"

    def somebody(username: str) -> Watched:
        person = open_browser(shape, java_script_enabled=scripts)
        person.go(f"{HOME}/sign-in")
        person.fill(vi("Sign-in name"), username)
        person.fill(vi("Password"), PASSWORD)
        person.press(vi("Sign in"))
        person.show_code()
        return person

    doctor = somebody("bac.si")
    doctor.go(f"{HOME}/patients/{case['patient']}/lab-orders/new")
    doctor.page.locator(f"#lab-test-{case['test']}").check()
    doctor.look(picture("order"), full=True)
    doctor.press(vi("Place the order"))
    doctor.look(picture("ordered"), full=True)

    first = somebody("ky.thuat.1")
    first.go(f"{HOME}/laboratory?work=collect")
    first.look(picture("worklist"), full=True)
    first.page.get_by_role("link", name=vi("Collect"), exact=False).last.click()
    first.look(picture("collect"), full=True)
    first.press(vi("Note as collected"))
    first.look(picture("collected"), full=True)
    first.go(f"{HOME}/laboratory?work=enter")
    first.page.get_by_role("link", name=vi("Enter results"), exact=False).last.click()
    first.fill("Kali", "71")
    first.press(vi("Save for verification"))
    first.look(picture("refused"), full=True)
    first.fill("Natri", "128")
    first.fill("Kali", "7,1")
    first.fill("Clo", "99")
    first.press(vi("Save for verification"))

    second = somebody("ky.thuat.2")
    second.go(f"{HOME}/laboratory?work=verify")
    second.page.get_by_role("link", name=case["name"], exact=False).last.click()
    second.look(picture("verify"), full=True)
    second.press(vi("Verify"))
    second.look(picture("critical"), full=True)

    doctor.go(f"{HOME}/results")
    doctor.look(picture("inbox"), full=True)
    doctor.press(vi("I take note of the critical values"))
    doctor.press(vi("I have reviewed it"))
    assert vi("No results wait for you") in doctor.page.inner_text("main")
    doctor.go(f"{HOME}/patients/{case['patient']}/lab-orders")
    doctor.look(picture("orders"), full=True)


def test_the_catalogue_is_kept_on_readable_pages(open_browser: Callable[..., Watched], case: dict[str, Any]) -> None:
    keeper = open_browser(DESKTOP)
    keeper.go(f"{HOME}/sign-in")
    keeper.fill(vi("Sign-in name"), "quan.tri")
    keeper.fill(vi("Password"), PASSWORD)
    keeper.press(vi("Sign in"))
    keeper.show_code()
    keeper.go(f"{HOME}/laboratory/catalogue")
    keeper.look("lab-catalogue", full=True)
    keeper.page.get_by_role("link", name=case["name"]).click()
    keeper.look("lab-catalogue-test", full=True)
    keeper.page.get_by_role("link", name="Kali").click()
    keeper.look("lab-catalogue-analyte", full=True)
    keeper.go(f"{HOME}/laboratory/settings")
    keeper.look("lab-settings", full=True)
