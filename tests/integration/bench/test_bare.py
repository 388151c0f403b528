"""The baseline of pages shows what the pages show: measured beside something else, a ratio says nothing.

It runs in a process of its own, where it takes the logs away from the application's modules.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core import clock
from app.domain.identity.sessions import begin_session
from app.tenancy.binding import tenancy
from bench.harness.bare_environment import bare_environment
from tests.factories import make_appointment
from tests.support.platform import ACTOR, Platform

SHOW = "from bench.harness.bare_wsgi import app; print(app.test_client().get({!r}).get_data(as_text=True))"


@pytest.fixture
def show_bare(app: Flask, platform: Platform, alpha: str) -> Any:
    """Give what the baseline answers to somebody who is signed in with a token."""
    with app.app_context():
        place = tenancy().registry.get_by_code(alpha).whereabouts
    assert place is not None

    def show(path: str, token: str) -> str:
        environment = {**os.environ, **platform.environment(), "LOG_LEVEL": "ERROR"}
        environment |= bare_environment(place, alpha, {"hospital.": token})
        root = Path(__file__).parents[3]
        command = [sys.executable, "-c", SHOW.format(path)]
        shown = subprocess.run(command, env=environment, cwd=root, check=False, capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    return show


def test_the_bare_page_has_the_rows_of_the_real_one(show_bare: Any, alpha: str, bound: Any, sign_in_staff: Any) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    with bound(alpha):
        shown = [make_appointment(starts_at=clock.now()).patient_id for _ in range(3)]
        token = begin_session("hospital", ACTOR, desk.person["id"], user_agent=None, second_factor="totp")
    pages = [
        desk.get(f"/h/{alpha}/hospital/today").get_data(as_text=True),
        show_bare("/hospital/today", token),
    ]
    assert [page.count('id="visit-') for page in pages] == [3, 3]
    assert all(str(patient_id) in page for page in pages for patient_id in shown)
    assert 0.8 < len(pages[1]) / len(pages[0]) < 1.25
