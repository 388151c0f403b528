"""Own titles of the ICD-10: imported as spreadsheets write them, found before the others, wrong rows named."""

from __future__ import annotations

from io import BytesIO

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.records.models import Icd10Title, RecordDiagnosis
from tests.integration.hospital.pages import fields_of

PAGE = "/h/alpha/hospital/icd10-titles"
OWN = "Viêm họng cấp không đặc hiệu tại bệnh viện"
TABLE = f"Mã bệnh;Tên bệnh\nJ02.9;{OWN}\nXX9;Không có\nI10*;\nB01.1†;Thủy đậu viêm não\n"


def send(administrator, content: bytes):
    form = fields_of(administrator.get(PAGE))
    return administrator.post(PAGE, data={**form, "file": (BytesIO(content), "icd.csv")})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_titles_are_taken_and_wrong_rows_are_named(bound, alpha, sign_in_staff, encoding) -> None:
    page = send(sign_in_staff(alpha, "administrator"), TABLE.encode(encoding))
    assert page.status_code == 200
    text = page.get_data(as_text=True)
    assert "Đã nhập 2 tên bệnh, 2 dòng không được nhận." in text
    assert "XX9" in text
    with bound(alpha):
        assert set(db.session.scalars(sa.select(Icd10Title.code))) == {"J02.9", "B01.1"}


def test_an_own_title_is_found_shown_and_written_into_the_record(bound, alpha, sign_in_staff, consultation) -> None:
    send(sign_in_staff(alpha, "administrator"), TABLE.encode())
    begun = consultation()
    found = begun.doctor.get("/h/alpha/hospital/diagnoses?diagnosis_q=dac hieu tai benh vien").get_data(as_text=True)
    assert "J02.9" in found
    sent = fields_of(begun.doctor.get(begun.url), code="J02.9")
    assert begun.doctor.post(f"{begun.url}/diagnoses", data=sent).status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(RecordDiagnosis.title)).one() == OWN


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04not a table", "Tên;Khác\nA;B\n".encode()])
def test_what_is_no_such_table_is_refused_at_the_field(alpha, sign_in_staff, content) -> None:
    page = send(sign_in_staff(alpha, "administrator"), content)
    assert page.status_code == 422
    assert 'href="#file"' in page.get_data(as_text=True)


def test_imported_titles_are_removed_again(bound, alpha, sign_in_staff) -> None:
    administrator = sign_in_staff(alpha, "administrator")
    send(administrator, TABLE.encode())
    assert administrator.submit(f"{PAGE}/remove", page=PAGE).status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(Icd10Title.code)).all() == []
