"""Templates of notes: kept by the administrator, put into a draft by the doctor, and never over what was typed."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.actor import system_actor
from app.core.db import db
from app.domain.organisation.models import Department
from app.domain.records.models import MedicalRecord, RecordTemplate
from app.domain.records.rules import Note
from app.domain.records.templates import TemplateValues, create_template
from tests.integration.hospital.pages import fields_of

PAGES = "/h/alpha/hospital/record-templates"
EXAMINATION = "Toàn thân: \nTim: \nPhổi: "


def make_template(bound, name="Khám tim mạch", department_id=None, **texts) -> str:
    with bound("alpha"):
        note = Note(**{"examination": EXAMINATION, **texts})
        return str(create_template(system_actor("test"), TemplateValues(name, department_id, note)).id)


def test_a_template_is_made_changed_and_taken_out_of_use(bound, alpha, sign_in_staff) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    assert (
        administrator.submit(PAGES, {"name": "Khám lại", "plan": "Hẹn 1 tháng"}, page=f"{PAGES}/new").status_code == 303
    )
    assert "Khám lại" in administrator.get(PAGES).get_data(as_text=True)
    with bound(alpha):
        made = db.session.scalars(sa.select(RecordTemplate.id)).one()
    url = f"{PAGES}/{made}"
    sent = fields_of(administrator.get(url), plan="Hẹn 3 tháng")
    assert administrator.post(url, data=sent).status_code == 303
    conflict = administrator.post(url, data={**sent, "plan": "Hẹn 6 tháng"})
    assert conflict.status_code == 409
    assert "Hẹn 3 tháng" in conflict.get_data(as_text=True)
    assert administrator.submit(f"{url}/retire", {"version": "2"}, page=PAGES).status_code == 303
    with bound(alpha):
        assert db.session.get_one(RecordTemplate, made).retired_at is not None


def test_two_templates_in_use_never_have_one_name(bound, alpha, sign_in_staff) -> None:
    make_template(bound, "Khám lại")
    response = sign_in_staff(alpha, "administrator").submit(
        PAGES, {"name": "  Khám   lại ", "plan": "Hẹn"}, page=f"{PAGES}/new"
    )
    assert response.status_code == 422
    assert 'href="#name"' in response.get_data(as_text=True)


def test_a_doctor_is_offered_the_templates_of_the_visits_department_and_everybodys(bound, alpha, consultation) -> None:
    begun = consultation()
    with bound(alpha):
        other = db.session.scalars(sa.select(Department.id).where(Department.code == "TIM")).one()
    make_template(bound, "Chung cho mọi khoa")
    make_template(bound, "Chỉ cho khoa khác", other)
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    assert "Chung cho mọi khoa" in page
    assert "Chỉ cho khoa khác" not in page


def test_a_template_is_put_below_what_was_typed_and_only_once(bound, alpha, consultation) -> None:
    begun = consultation()
    template_id = make_template(bound, plan="Hẹn tái khám 1 tuần")
    for _time in range(2):
        sent = fields_of(begun.doctor.get(begun.url), template=template_id, history="Ho 3 ngày")
        sent["plan"] = sent["plan"] or "Nghỉ ngơi"
        assert begun.doctor.post(f"{begun.url}/template", data=sent).status_code == 303
    with bound(alpha):
        record = db.session.get_one(MedicalRecord, begun.record_id)
        assert record.plan == "Nghỉ ngơi\n\nHẹn tái khám 1 tuần"
        assert (record.history, record.examination) == ("Ho 3 ngày", EXAMINATION.strip())


def test_nobody_but_the_administrator_keeps_templates(alpha, sign_in_staff) -> None:
    assert sign_in_staff(alpha, "doctor").get(PAGES).status_code == 403
