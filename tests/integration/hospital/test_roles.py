"""Roles edited by the hospital's administrator: effective at once, nothing lost unseen, somebody always administers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.core.permissions import FieldAccess
from app.domain.appointments.models import Appointment
from app.domain.audit.models import AuditEntry
from app.domain.identity.models import Role, StaffRole, StaffSession
from app.domain.identity.permissions import ROLE_PRESETS
from app.domain.identity.role_content import read_fields, read_permissions, write_role_content
from app.domain.patients.models import PatientAllergy
from app.domain.records.models import MedicalRecord
from app.domain.security.models import HospitalSecurityEvent
from tests import factories
from tests.integration.hospital.pages import fields_of
from tests.support.platform import Platform
from tests.support.queries import count_queries

HOME = "/h/alpha/hospital"


@pytest.fixture(autouse=True)
def presets_again(bound: Any, platform: Platform, alpha: str) -> Iterator[None]:
    """Leave the roles as every hospital starts with them."""
    yield
    with platform.admin(alpha) as connection:
        connection.execute("DELETE FROM staff_roles")
        for table in ("role_permissions", "role_field_rules"):
            connection.execute(f"DELETE FROM {table} WHERE role_id IN (SELECT id FROM roles WHERE code LIKE 'own%')")
        connection.execute("DELETE FROM roles WHERE code LIKE 'own%'")
    with bound(alpha):
        for role in db.session.scalars(sa.select(Role)):
            preset = ROLE_PRESETS[role.code]
            role.name, role.scope = preset.name, preset.scope
            write_role_content(role.id, preset.permissions, preset.fields)


@pytest.fixture
def role_id(bound: Any, alpha: str) -> Callable[[str], Any]:
    """`role_id("nurse")`."""

    def find(code: str) -> Any:
        with bound(alpha):
            return db.session.scalars(sa.select(Role.id).where(Role.code == code)).one()

    return find


def sent(page: Any, permissions: set[str], **changes: str) -> dict[str, Any]:
    """Return what the browser would send from a role's page with other permissions ticked."""
    values = {**fields_of(page), "permissions": sorted(permissions), **changes}
    if "knowingly" not in changes:
        values.pop("knowingly", None)
    return values


def test_a_new_role_is_given_and_counts_at_the_next_request(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any]
) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    page = administrator.get(f"{HOME}/roles/new")
    made = administrator.post(f"{HOME}/roles", data=sent(page, {"patients.view"}, name="Hộ lý", scope="department"))
    assert made.status_code == 303
    with bound(alpha):
        role = db.session.scalars(sa.select(Role).where(Role.name == "Hộ lý")).one()
        assert read_permissions(role.id) == {"patients.view"}
        assert set(read_fields(role.id).values()) == {"hidden"}
        code = role.code
    orderly = sign_in_staff(alpha, code)
    assert orderly.get(f"{HOME}/patients").status_code == 200
    assert orderly.get(f"{HOME}/today").status_code == 403
    edit = made.headers["Location"]
    changed = sent(administrator.get(edit), {"patients.view", "appointments.view"})
    assert administrator.post(edit, data=changed).status_code == 303
    assert orderly.get(f"{HOME}/today").status_code == 200
    again = administrator.post(f"{HOME}/roles", data=sent(page, set(), name="hộ lý", scope="treating"))
    assert again.status_code == 422


def test_what_people_would_lose_is_shown_and_must_be_confirmed(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], role_id: Callable[[str], Any]
) -> None:
    administrator, nurse = sign_in_staff(alpha, "administrator"), sign_in_staff(alpha, "nurse")
    url = f"{HOME}/roles/{role_id('nurse')}"
    before = administrator.get(url)
    fewer = set(ROLE_PRESETS["nurse"].permissions) - {"vitals.record"}
    asked = administrator.post(url, data=sent(before, fewer, scope="treating"))
    text = asked.get_data(as_text=True)
    assert asked.status_code == 422
    assert "knowingly" in text
    with bound(alpha):
        patient = factories.make_patient()
        factories.make_appointment(patient_id=patient.id)
        vitals = f"{HOME}/patients/{patient.id}/vitals/new"
    assert nurse.get(vitals).status_code == 200
    assert administrator.post(url, data=sent(asked, fewer, knowingly="y")).status_code == 303
    assert nurse.get(vitals).status_code == 403
    with bound(alpha):
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "role.update")).one()
        assert entry.changes["taken"] == ["vitals.record"]
        assert entry.changes["scope"] == ["department", "treating"]
        kinds = sa.select(HospitalSecurityEvent.kind).where(HospitalSecurityEvent.kind == "role.change")
        assert db.session.scalars(kinds).all()


def test_the_browsers_of_those_concerned_get_new_tokens(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], role_id: Callable[[str], Any]
) -> None:
    administrator, nurse = sign_in_staff(alpha, "administrator"), sign_in_staff(alpha, "nurse")
    own = sa.select(StaffSession.token_hash).where(StaffSession.staff_id == nurse.person["id"])
    with bound(alpha):
        before = db.session.scalars(own).one()
    url = f"{HOME}/roles/{role_id('nurse')}"
    more = set(ROLE_PRESETS["nurse"].permissions) | {"appointments.check_in"}
    assert administrator.post(url, data=sent(administrator.get(url), more)).status_code == 303
    assert nurse.get(f"{HOME}/today?poll=1").status_code == 200
    with bound(alpha):
        assert db.session.scalars(own).one() == before, "a list that refreshes itself renews nothing"
    assert nurse.get(f"{HOME}/today").status_code == 200
    with bound(alpha):
        renewed = db.session.scalars(own).one()
        assert renewed != before
    assert nurse.get(f"{HOME}/today").status_code == 200
    with bound(alpha):
        assert db.session.scalars(own).one() == renewed


def test_two_administrators_at_once_choose_what_shall_stand(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], role_id: Callable[[str], Any]
) -> None:
    one, two = sign_in_staff(alpha, "administrator"), sign_in_staff(alpha, "administrator")
    url = f"{HOME}/roles/{role_id('cashier')}"
    mine, theirs = one.get(url), two.get(url)
    held = set(ROLE_PRESETS["cashier"].permissions)
    assert two.post(url, data=sent(theirs, held | {"appointments.book"}, name="Thu ngân viện phí")).status_code == 303
    conflict = one.post(url, data=sent(mine, held, name="Kế toán"))
    assert conflict.status_code == 409
    page = conflict.get_data(as_text=True)
    assert "Thu ngân viện phí" in page
    assert "Kế toán" in page
    chosen = fields_of(conflict, name="Kế toán", permissions=" ".join(held | {"appointments.book"}))
    assert one.post(url, data=chosen).status_code == 303
    with bound(alpha):
        role = db.session.scalars(sa.select(Role).where(Role.code == "cashier")).one()
        assert role.name == "Kế toán"
        assert "appointments.book" in read_permissions(role.id)


def test_the_last_role_that_administers_keeps_its_rights(
    alpha: str, sign_in_staff: Callable[..., Any], role_id: Callable[[str], Any]
) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    url = f"{HOME}/roles/{role_id('administrator')}"
    fewer = set(ROLE_PRESETS["administrator"].permissions) - {"roles.manage"}
    refused = administrator.post(url, data=sent(administrator.get(url), fewer, knowingly="y"))
    assert refused.status_code == 409
    assert administrator.get(url).status_code == 200


def test_a_preset_is_set_back_and_never_removed(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], role_id: Callable[[str], Any]
) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    found = role_id("pharmacist")
    url = f"{HOME}/roles/{found}"
    page = administrator.get(url)
    assert f"{url}/reset" not in page.get_data(as_text=True)
    assert administrator.post(url, data=sent(page, set())).status_code == 303
    changed = administrator.get(url)
    assert f"{url}/reset" in changed.get_data(as_text=True)
    version = fields_of(changed)["version"]
    removed = administrator.submit(f"{url}/remove", {"version": version}, page=url)
    assert removed.status_code == 409
    assert administrator.submit(f"{url}/reset", {"version": version}, page=url).status_code == 303
    with bound(alpha):
        assert read_permissions(found) == ROLE_PRESETS["pharmacist"].permissions


def test_a_role_in_use_is_not_removed(bound: Any, alpha: str, sign_in_staff: Callable[..., Any]) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    page = administrator.get(f"{HOME}/roles/new")
    url = administrator.post(f"{HOME}/roles", data=sent(page, set(), name="Tạm", scope="treating")).headers["Location"]
    with bound(alpha):
        code = db.session.scalars(sa.select(Role.code).where(Role.name == "Tạm")).one()
        person = factories.make_staff(code)
        person_id = person.id
    assert administrator.submit(f"{url}/remove", {"version": "1"}, page=url).status_code == 409
    with bound(alpha):
        db.session.execute(sa.delete(StaffRole).where(StaffRole.staff_id == person_id))
    assert administrator.submit(f"{url}/remove", {"version": "1"}, page=url).status_code == 303
    assert administrator.get(url).status_code == 404


def test_who_can_do_what_is_searched_and_exported_without_formulas(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any]
) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    with bound(alpha):
        factories.make_staff("doctor", full_name="=SUM(A1) Quý")
        factories.make_staff("nurse", full_name="Trần Thị Điều Dưỡng", role_codes=("nurse", "receptionist"))
    url = f"{HOME}/who-can-do-what"
    with count_queries() as statements:
        page = administrator.get(url).get_data(as_text=True)
    assert "Trần Thị Điều Dưỡng" in page
    assert len(statements) <= 5, list(statements)
    assert "SUM(A1)" not in administrator.get(f"{url}?q=dieu duong").get_data(as_text=True)
    through = administrator.get(f"{url}?permission=appointments.check_in").get_data(as_text=True)
    assert "Tiếp đón" in through
    assert "SUM(A1)" not in through
    export = administrator.get(f"{url}/export")
    text = export.get_data(as_text=True)
    assert export.mimetype == "text/csv"
    assert "'=SUM(A1) Quý" in text
    assert "\n=" not in text
    assert sign_in_staff(alpha, "doctor").get(url).status_code == 403


def test_fields_closed_to_a_role_are_neither_shown_nor_written(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], role_id: Callable[[str], Any]
) -> None:
    administrator, desk = sign_in_staff(alpha, "administrator"), sign_in_staff(alpha, "receptionist")
    with bound(alpha):
        patient = factories.make_patient(phone="+84912345678", email="kin@example.vn", bhyt="GD4790123456789")
        code, patient_id = patient.code, patient.id
    url = f"{HOME}/roles/{role_id('receptionist')}"
    closing = {"access.patient.phone": "hidden", "access.patient.email": "read", "access.patient.allergies": "hidden"}
    values = sent(administrator.get(url), set(ROLE_PRESETS["receptionist"].permissions), knowingly="y", **closing)
    assert administrator.post(url, data=values).status_code == 303
    page = desk.get(f"{HOME}/patients/{patient_id}").get_data(as_text=True)
    assert "0912" not in page
    assert "kin@example.vn" in page
    assert "0912" not in desk.get(f"{HOME}/patients?q={code}").get_data(as_text=True)
    edit = desk.get(f"{HOME}/patients/{patient_id}/edit")
    assert 'name="phone"' not in edit.get_data(as_text=True)
    form = fields_of(edit, ward="Phường Bến Nghé")
    assert desk.post(f"{HOME}/patients/{patient_id}", data={**form, "phone": "0999999999"}).status_code == 403
    assert desk.post(f"{HOME}/patients/{patient_id}", data=form).status_code == 303
    with bound(alpha):
        kept = db.session.get(type(patient), patient_id)
        assert (kept.phone, kept.email, kept.ward) == ("+84912345678", "kin@example.vn", "Phường Bến Nghé")


def close_to(bound: Any, alpha: str, code: str, **access: str) -> None:
    """Close fields to a role of alpha: `record_history="hidden"`."""
    with bound(alpha):
        role = db.session.scalars(sa.select(Role).where(Role.code == code)).one()
        closed = {name.replace("_", ".", 1): FieldAccess(value) for name, value in access.items()}
        write_role_content(role.id, read_permissions(role.id), {**read_fields(role.id), **closed})


def test_texts_of_a_record_closed_to_a_role_stay_as_they_are(
    bound: Any, alpha: str, consultation: Callable[..., Any]
) -> None:
    begun = consultation()
    with bound(alpha):
        record = db.session.get(MedicalRecord, begun.record_id)
        record.history, record.plan = "Tiền sử kín", "Hướng điều trị đọc được"
    close_to(bound, alpha, "doctor", record_history="hidden", record_plan="read")
    page = begun.doctor.get(begun.url)
    text = page.get_data(as_text=True)
    assert "Tiền sử kín" not in text
    assert "Hướng điều trị đọc được" in text
    assert 'name="plan"' not in text
    form = fields_of(page, assessment="Viêm họng")
    assert begun.doctor.post(begun.url, data=form).status_code == 303
    with bound(alpha):
        record = db.session.get(MedicalRecord, begun.record_id)
        assert (record.history, record.plan, record.assessment) == (
            "Tiền sử kín",
            "Hướng điều trị đọc được",
            "Viêm họng",
        )
    again = fields_of(begun.doctor.get(begun.url), plan="Sửa lén")
    assert begun.doctor.post(begun.url, data=again).status_code == 403


def test_what_is_hidden_is_hidden_in_lists_charts_and_records(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any], consultation: Callable[..., Any]
) -> None:
    begun = consultation(allergy_state="known")
    with bound(alpha):
        record = db.session.get(MedicalRecord, begun.record_id)
        record.complaint, record.examination = "Lời khai kín", "Khám kín"
        db.session.execute(sa.update(Appointment).values(reason="Lý do kín"))
        db.session.add(PatientAllergy(patient_id=begun.patient_id, substance="Chất kín"))
    hidden = {f"record_{name}": "hidden" for name in ("complaint", "examination")}
    close_to(bound, alpha, "nurse", visit_reason="hidden", patient_allergies="hidden", **hidden)
    nurse = sign_in_staff(alpha, "nurse")
    pages = (f"{HOME}/today", f"{HOME}/patients/{begun.patient_id}", begun.url, f"{HOME}/visits/{begun.id}")
    for url in pages:
        response = nurse.get(url)
        assert response.status_code == 200, url
        text = response.get_data(as_text=True)
        assert not any(word in text for word in ("Lời khai kín", "Khám kín", "Lý do kín", "Chất kín")), url


def test_a_role_that_finds_everybody_but_reads_only_its_own_says_so(
    bound: Any, alpha: str, sign_in_staff: Callable[..., Any]
) -> None:
    both = sign_in_staff(alpha, "doctor", role_codes=("doctor", "receptionist"))
    with bound(alpha):
        patient_id = factories.make_patient().id
    page = both.get(f"{HOME}/patients/{patient_id}")
    assert page.status_code == 200
    assert f"{HOME}/patients/{patient_id}/emergency-access" in page.get_data(as_text=True)
    assert both.get(f"{HOME}/patients/{patient_id}/vitals").status_code == 403
