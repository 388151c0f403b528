"""The desk scans a card, is told who may be the same person, and is held to the hospital's own rules."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import sqlalchemy as sa
from PIL import Image

from app.core.db import db
from app.domain.files.models import File
from app.domain.patients.models import Patient, ValidationSchema
from tests import factories

HOME = "/h/alpha/hospital"
NEW = f"{HOME}/patients/new"
CARD = "001184000123||Đặng Thị Ngọc|15031984|Nữ|12 Lê Lợi, Phường Cửa Nam, Hà Nội|01012021"
TYPED = {"full_name": "Đặng Thị Ngọc", "born_on": "15031984", "sex": "female", "allergy_state": "not_recorded"}


def count(bound: Any) -> int:
    with bound("alpha"):
        return int(db.session.scalar(sa.select(sa.func.count(Patient.id))) or 0)


def test_a_scanned_card_fills_the_form_and_saves_nothing(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    shown = desk.submit(f"{HOME}/patients", {"scan": CARD, "phone": "0912345678"}, page=NEW)
    assert shown.status_code == 200
    for said in ("Đặng Thị Ngọc", "001184000123", "15/03/1984", "Phường Cửa Nam", "0912345678"):
        assert f'value="{said}"' in shown.text
    assert 'value="001184000123||' not in shown.text
    wrong = desk.submit(f"{HOME}/patients", {"scan": "https://example.vn"}, page=NEW)
    assert (wrong.status_code, 'href="#scan"' in wrong.text) == (422, True)
    contradicting = CARD.replace("|Nữ|", "|Nam|")
    assert desk.submit(f"{HOME}/patients", {"scan": contradicting}, page=NEW).status_code == 422
    assert count(bound) == 0


def test_who_may_be_the_same_is_asked_once_before_saving(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    assert sign_in_staff(alpha, "receptionist").submit(f"{HOME}/patients", TYPED, page=NEW).status_code == 303
    desk = sign_in_staff(alpha, "receptionist")
    asked = desk.submit(f"{HOME}/patients", TYPED, page=NEW)
    assert asked.status_code == 422
    assert 'name="somebody_else"' in asked.text
    assert count(bound) == 1
    assert desk.submit(f"{HOME}/patients", {**TYPED, "somebody_else": "1"}, page=NEW).status_code == 303
    assert count(bound) == 2


def test_while_typing_a_fragment_says_why(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    with bound(alpha):
        code = db.session.merge(factories.make_patient(full_name="Đặng Thị Ngọc", phone="+84912345678")).code
    desk = sign_in_staff(alpha, "receptionist")
    token = {"full_name": "dang thi ngoc", "phone": "0912345678", "born_on": "15"}
    found = desk.submit(f"{HOME}/patients/similar", token, page=NEW, headers={"HX-Request": "true"})
    assert found.status_code == 200
    assert code in found.text
    assert "<html" not in found.text
    nobody = desk.submit(f"{HOME}/patients/similar", {"full_name": "x"}, page=NEW, headers={"HX-Request": "true"})
    assert 'id="similar"' in nobody.text
    assert (
        sign_in_staff(alpha, "doctor").submit(f"{HOME}/patients/similar", token, page=HOME + "/today").status_code
        == 403
    )


def test_the_hospitals_own_rules_speak_at_the_fields(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    chief, desk = sign_in_staff(alpha, "administrator"), sign_in_staff(alpha, "receptionist")
    page = f"{HOME}/form-rules"
    rules = {"required": ["phone", "street"], "properties": {"phone": {"pattern": "^\\+849", "x-message": "Chỉ số 09"}}}
    for wrong in ('{"$ref": "https://example.vn/x.json"}', "[", '{"properties": {"phone": {"pattern": "(a+)+"}}}'):
        assert chief.submit(page, {"schema": wrong, "version": "0"}, page=page).status_code == 422
    tried = chief.submit(f"{page}/try", {"schema": json.dumps(rules), "version": "0"}, page=page)
    assert tried.status_code == 200
    assert desk.submit(f"{HOME}/patients", {**TYPED, "phone": "0312345678"}, page=NEW).status_code == 303
    assert chief.submit(page, {"schema": json.dumps(rules), "version": "0"}, page=page).status_code == 303
    assert chief.submit(page, {"schema": "{}", "version": "0"}, page=page).status_code == 409
    refused = desk.submit(f"{HOME}/patients", {**TYPED, "full_name": "Lê Văn Hai", "phone": "0312345678"}, page=NEW)
    assert refused.status_code == 422
    for said in ('href="#phone"', 'href="#street"', "Chỉ số 09"):
        assert said in refused.text
    taken = {**TYPED, "full_name": "Lê Văn Hai", "phone": "0912345678", "street": "12 Lê Lợi"}
    assert desk.submit(f"{HOME}/patients", taken, page=NEW).status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(ValidationSchema.version)).one() == 1
    assert desk.get(page).status_code == 403


def test_a_photograph_is_seen_by_who_sees_the_patient(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    with bound(alpha):
        patient_id = factories.make_patient().id
    desk = sign_in_staff(alpha, "receptionist")
    page = f"{HOME}/patients/{patient_id}/photo"
    program = {"file": (BytesIO(b"MZ" + b"\0" * 500), "me.png")}
    assert desk.submit(page, program, page=page, content_type="multipart/form-data").status_code == 422
    drawn = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(drawn, format="PNG")
    drawn.seek(0)
    kept = desk.submit(page, {"file": (drawn, "../me.png")}, page=page, content_type="multipart/form-data")
    assert kept.status_code == 303
    image = desk.get(f"{page}/image")
    assert (image.status_code, image.mimetype) == (200, "image/png")
    assert "sandbox" in image.headers["Content-Security-Policy"]
    assert sign_in_staff(alpha, "doctor").get(f"{page}/image").status_code == 403  # not in this doctor's care
    assert desk.submit(f"{page}/remove", {}, page=page).status_code == 303
    assert desk.get(f"{page}/image").status_code == 404
    with bound(alpha):
        assert db.session.scalars(sa.select(File.deleted_at)).one() is not None


def test_death_is_said_on_every_page_and_nothing_is_offered(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    with bound(alpha):
        patient_id = factories.make_patient().id
    desk = sign_in_staff(alpha, "receptionist")
    page = f"{HOME}/patients/{patient_id}/state"
    for wrong in ("", "01012999", "31022020", "01011950"):
        assert desk.submit(f"{page}/death", {"died_on": wrong, "version": "1"}, page=page).status_code == 422
    assert desk.submit(f"{page}/death", {"died_on": "01112026", "version": "1"}, page=page).status_code == 303
    assert desk.submit(f"{page}/death", {"died_on": "01112026", "version": "1"}, page=page).status_code == 409
    shown = desk.get(f"{HOME}/patients/{patient_id}").text
    assert "visits/new" not in shown
    assert "01/11/2026" in shown
    assert desk.submit(f"{page}/alive", {"version": "2"}, page=page).status_code == 303


def test_relatives_are_a_tab_of_the_patient(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    with bound(alpha):
        patient_id = factories.make_patient().id
    desk = sign_in_staff(alpha, "receptionist")
    page = f"{HOME}/patients/{patient_id}/relations"
    assert page in desk.get(f"{HOME}/patients/{patient_id}").text
    assert desk.submit(page, {"kind": "mother"}, page=page).status_code == 422
    assert desk.submit(page, {"kind": "mother", "code": "BN-999999"}, page=page).status_code == 422
    added = desk.submit(page, {"kind": "mother", "full_name": "Lê Thị Mẹ", "is_guardian": "y"}, page=page)
    assert added.status_code == 303
    assert "Lê Thị Mẹ" in desk.get(page).text
