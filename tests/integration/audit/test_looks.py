"""Who has looked at a record: for the patient in plain words, for staff with the permission."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind, Basis
from app.core.db import db
from app.domain.audit.models import AccessEntry
from app.domain.audit.operations import record_access
from app.domain.organisation.models import Department
from tests import factories
from tests.support.queries import count_queries

Bind = Callable[[str], Any]


@pytest.fixture
def looked_at(alpha: str, bound: Bind, sign_in_patient: Any) -> Any:
    """A patient whom a nurse saw many times today and a doctor in an emergency yesterday, and whom support saw."""
    browser = sign_in_patient(alpha)
    patient_id = browser.person["patient_id"]
    with bound(alpha):
        department = db.session.scalars(sa.select(Department).limit(1)).one()
        nurse = factories.make_staff("nurse", full_name="Võ Thị Lan")
        nurse.department_id = department.id
        doctor = factories.make_staff("doctor", full_name="Đỗ Văn Cấp")
        browser.department = department.name
        often = Actor(ActorKind.STAFF, nurse.id, nurse.full_name, basis=Basis.TREATING)
        for action in ("visit.view", "patient.view", "visit.view", "record.view"):
            record_access(often, action, subject_type="x", subject_id=None, patient_ids=[patient_id])
        support = Actor(ActorKind.OPERATOR, None, "Hỗ trợ viên", basis=Basis.SUPPORT)
        record_access(support, "patient.view", subject_type="x", subject_id=None, patient_ids=[patient_id])
        stranger = factories.make_patient().id
        record_access(often, "record.view", subject_type="x", subject_id=None, patient_ids=[stranger])
        with clock.frozen_at(clock.now() - timedelta(days=1)):
            once = Actor(ActorKind.STAFF, doctor.id, doctor.full_name, basis=Basis.EMERGENCY)
            record_access(once, "record.view", subject_type="x", subject_id=None, patient_ids=[patient_id])
    return browser


def test_a_patient_reads_who_looked_by_day_with_role_department_and_marks(looked_at: Any) -> None:
    page = looked_at.get("/h/alpha/patient/record/access")
    assert page.status_code == 200
    assert page.text.count("Võ Thị Lan") == 1, "many looks of a day are one line"
    assert "4 " in page.text.split("Võ Thị Lan")[0][-300:]
    assert looked_at.department in page.text
    assert "(Điều dưỡng)" in page.text
    assert page.text.index("Võ Thị Lan") < page.text.index("Đỗ Văn Cấp")
    assert page.text.count("status-tag") + page.text.count("tag--warning") >= 2
    with count_queries() as statements:
        looked_at.get("/h/alpha/patient/record/access")
    assert len(statements) <= 10, statements


def test_staff_with_the_permission_read_it_and_stand_in_it(looked_at: Any, sign_in_staff: Any, bound: Bind) -> None:
    administrator = sign_in_staff("alpha", "administrator")
    url = f"/h/alpha/hospital/patients/{looked_at.person['patient_id']}/access"
    page = administrator.get(url)
    assert page.status_code == 200
    assert page.text.count("Võ Thị Lan") == 1
    assert "Đỗ Văn Cấp" in page.text
    with bound("alpha"):
        query = sa.select(AccessEntry.actor_id).where(AccessEntry.action == "patient.access")
        assert list(db.session.scalars(query)) == [administrator.person["id"]]
    assert sign_in_staff("alpha", "receptionist").get(url).status_code == 403
