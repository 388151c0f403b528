"""The baseline of the worklist page shows what the page shows: measured beside something else, a ratio says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import URL

from app.core import clock
from bench.harness.bare import create_bare_app
from tests.factories import make_appointment
from tests.support.limits import limiter_kept
from tests.support.platform import Platform


@pytest.fixture
def bare(platform: Platform, alpha: str, app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The baseline over alpha's database."""
    with app.app_context():
        place = app.extensions["tenancy"].registry.get_by_code(alpha).whereabouts
    address = URL.create("postgresql+psycopg", place.role, place.password, place.host, place.port, place.database)
    for name, value in {
        **platform.environment(),
        "ENVIRONMENT": "test",
        "BARE_DATABASE_URL": address.render_as_string(hide_password=False),
        "BARE_POOL_SIZE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with limiter_kept():
        made = create_bare_app()
    yield made
    made.extensions["engine"].dispose()


def test_the_bare_page_has_the_rows_of_the_real_one(bare: Any, alpha: str, bound: Any, sign_in_staff: Any) -> None:
    ten = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).replace(hour=10, minute=0, second=0, microsecond=0)
    with clock.frozen_at(ten):  # a visit in an hour is a visit of today
        desk = sign_in_staff(alpha, "receptionist")
        with bound(alpha):
            shown = [make_appointment().patient_id for _ in range(3)]
        pages = [
            desk.get(f"/h/{alpha}/hospital/today").get_data(as_text=True),
            bare.test_client().get("/hospital/today").get_data(as_text=True),
        ]
    assert [page.count('id="visit-') for page in pages] == [3, 3]
    assert all(str(patient_id) in page for page in pages for patient_id in shown)
    assert 0.8 < len(pages[1]) / len(pages[0]) < 1.25
