"""What no page of ours sends, or finds no longer: an answer that people can read, never an error of ours."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from PIL import Image

from app.core.blobs import file_store
from app.core.db import db
from app.domain.files.models import File
from app.tenancy.binding import bound_hospital
from tests.integration.jobs.test_sync import register

BASE = "/h/alpha/hospital"
ENDLESS = "9" * 5000


@pytest.fixture
def patient(bound: Any, alpha: str) -> UUID:
    with bound(alpha):
        return register().id


@pytest.mark.parametrize("act", ["state/alive", "state/active", "edit", "merge"])
def test_a_version_of_thousands_of_digits_is_no_version(
    patient: UUID, sign_in_staff: Any, alpha: str, act: str
) -> None:
    browser = sign_in_staff(alpha, "receptionist")
    form = f"{BASE}/patients/{patient}"
    page = {"edit": f"{form}/edit", "merge": f"{form}/merge"}.get(act, f"{form}/state")
    sent = {"version": ENDLESS, "into": str(patient)}
    answer = browser.submit(f"{form}/{act}" if act != "edit" else form, sent, page=page)
    assert 400 <= answer.status_code < 500


def test_opening_hours_with_such_a_version_are_refused(sign_in_staff: Any, alpha: str) -> None:
    browser = sign_in_staff(alpha, "administrator")
    sent = {"weekdays": "1", "opens": "07:00", "closes": "17:00", "version": ENDLESS}
    answer = browser.submit(f"{BASE}/opening-hours", sent, page=f"{BASE}/opening-hours")
    assert 400 <= answer.status_code < 500


def test_a_photograph_whose_content_is_gone_is_not_found(
    patient: UUID, sign_in_staff: Any, bound: Any, alpha: str
) -> None:
    browser, drawn = sign_in_staff(alpha, "receptionist"), io.BytesIO()
    Image.new("RGB", (4, 4)).save(drawn, format="JPEG")
    page = f"{BASE}/patients/{patient}/photo"
    drawn.seek(0)
    assert browser.submit(page, {"file": (drawn, "a.jpg")}).status_code == 303
    assert browser.get(f"{page}/image").status_code == 200
    with bound(alpha):
        file_store().delete(bound_hospital().id, db.session.scalars(sa.select(File.sha256)).one())
    assert browser.get(f"{page}/image").status_code == 404
