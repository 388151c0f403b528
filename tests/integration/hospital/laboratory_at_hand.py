"""The steps of a test as the pages take them: collect, enter, verify, and all of them in a row."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from app.core.db import db
from app.domain.laboratory.models import Analyte, LabReport, LabTest
from tests.integration.hospital.pages import fields_of

HOME = "/h/alpha/hospital"


def test_id(code: str) -> Any:
    return db.session.scalars(sa.select(LabTest.id).where(LabTest.code == code)).one()


test_id.__test__ = False  # type: ignore[attr-defined]


def collect(person: Any, case: Any) -> Any:
    url = f"{HOME}/lab-orders/{case.order}/specimens"
    page = person.get(url)
    kinds = re.findall(r'name="kinds"[^>]*value="(\w+)"', page.get_data(as_text=True))
    return person.post(url, data={**fields_of(page), "kinds": kinds})


def enter(person: Any, item: Any, values: dict[str, str], bound: Any, **words: str) -> Any:
    url = f"{HOME}/lab-tests/{item}/results"
    with bound("alpha"):
        known = dict(db.session.execute(sa.select(Analyte.code, Analyte.id)).all())
    typed = {f"value_{known[code].hex}": value for code, value in values.items()}
    return person.post(url, data={**fields_of(person.get(url)), **typed, **words})


def verify(person: Any, item: Any, bound: Any) -> Any:
    with bound("alpha"):
        newest = sa.select(LabReport.id).where(LabReport.item_id == item).order_by(LabReport.number.desc()).limit(1)
        report = db.session.scalars(newest).one()
    page = person.get(f"{HOME}/lab-tests/{item}/verify")
    return person.post(f"{HOME}/lab-reports/{report}/verify", data={**fields_of(page), "incomplete": "y"})


def reported(person: Any, other: Any, case: Any, values: dict[str, str], bound: Any) -> Any:
    """Collect, enter and verify; return the report's id."""
    assert collect(person, case).status_code == 303
    assert enter(person, case.item, values, bound).status_code == 303
    assert verify(other, case.item, bound).status_code == 303
    with bound("alpha"):
        return db.session.scalars(sa.select(LabReport.id).where(LabReport.is_current)).one()
