"""A doctor opens a patient in an emergency, sees the record under the banner, and the administrator reviews it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import make_appointment, make_patient, make_staff
from tests.factories.people import PASSWORD, department_id
from tests.functional.conftest import PHONE
from tests.functional.pages import Watched
from tests.functional.words import vi

pytestmark = pytest.mark.browser

HOME = "/h/alpha/hospital"
NAME = "Lý Thị Xa Lạ"
REASON = "Bất tỉnh tại phòng cấp cứu, cần biết dị ứng"


@pytest.mark.parametrize("shape", [{}, PHONE], ids=["desk", "phone"])
def test_a_doctor_breaks_the_glass_and_the_administrator_reviews_it(
    open_browser: Callable[..., Watched], bound: Callable[[str], Any], alpha: str, shape: dict[str, Any]
) -> None:
    with bound(alpha):
        make_staff("doctor", username="bac.si", full_name="Bác sĩ Alpha")
        make_staff("administrator", username="quan.tri", full_name="Quản trị Alpha")
        heart = make_staff("doctor", department="TIM")
        patient = make_patient(full_name=NAME)
        make_appointment(patient_id=patient.id, doctor_id=heart.id, department_id=department_id("TIM"))
        url = f"{HOME}/patients/{patient.id}"
    name = "phone" if shape else "desk"
    doctor, administrator = (open_browser(shape), open_browser(shape)) if shape else (open_browser(), open_browser())

    _sign_in(doctor, "bac.si")
    doctor.go(url)
    doctor.look(f"emergency-refused-{name}", full=True)
    doctor.fill(vi("Why must you see this patient now?"), "gấp")
    doctor.press(vi("Open in an emergency"))
    assert doctor.page.get_by_label(vi("Why must you see this patient now?")).input_value() == "gấp"
    doctor.look(f"emergency-too-short-{name}", full=True)
    doctor.fill(vi("Why must you see this patient now?"), REASON)
    doctor.press(vi("Open in an emergency"))
    assert doctor.page.url.endswith(url)
    assert doctor.page.locator("#emergency-access").is_visible()
    assert doctor.says(NAME)
    doctor.look(f"emergency-open-{name}", full=True)

    _sign_in(administrator, "quan.tri")
    administrator.go(f"{HOME}/administration")
    administrator.look(f"administration-{name}", full=True)
    administrator.follow(vi("Emergency access"))
    administrator.look(f"emergency-list-{name}", full=True)
    administrator.page.get_by_role("rowheader").get_by_role("link").first.click()
    assert administrator.says(REASON)
    administrator.page.get_by_label(vi("Justified"), exact=True).check()
    administrator.fill(f"{vi('Note')} {vi('(optional)')}", "Đúng quy trình cấp cứu")
    administrator.look(f"emergency-review-{name}", full=True)
    administrator.press(vi("Save the review"))
    assert administrator.says(vi("Justified"))

    doctor.press(vi("End emergency access"))
    doctor.go(url)
    assert doctor.says(vi("This patient is not in your care"))
    for path in ("roles", "who-can-do-what", "who-can-do-what?permission=patients.view", "emergency-access/settings"):
        administrator.go(f"{HOME}/{path}")
        administrator.look(
            f"access-{path.split('?')[0].replace('/', '-')}{'-one' if '?' in path else ''}-{name}", full=True
        )
    administrator.go(f"{HOME}/roles")
    administrator.follow("Điều dưỡng")
    administrator.look(f"access-role-{name}", full=True)


def _sign_in(browser: Watched, username: str) -> None:
    browser.go(f"{HOME}/sign-in")
    browser.fill(vi("Sign-in name"), username)
    browser.fill(vi("Password"), PASSWORD)
    browser.press(vi("Sign in"))
    browser.show_code()
