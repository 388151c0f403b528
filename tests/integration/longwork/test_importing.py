"""Importing patients: tried without effect, each row once, and what is wrong is said row by row."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.core import clock
from app.core.blobs import file_store
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AuditEntry, OutboxEvent
from app.domain.longwork import imports
from app.domain.longwork.errors import DoneBefore, NotATable
from app.domain.longwork.keeping import end_old_work, have_old_work
from app.domain.longwork.models import FilePurpose, LongWork, LongWorkRow, LongWorkState
from app.domain.longwork.queries import fetch_file, get_work
from app.domain.longwork.sent_files import import_tried, look_at
from app.domain.patients.form_rules import change_form_rules
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital, bound_hospital
from tests import factories
from tests.integration.longwork.tables import HEADER, Bind, begin, count, people, perform, read, send, table
from tests.support.platform import ACTOR


def refused_file(app: Flask, work_id: Any) -> list[list[str]]:
    with app.app_context(), bind_hospital("alpha"), unit_of_work():
        _name, _type, size, content = fetch_file(ACTOR, work_id, FilePurpose.REFUSED)
        whole = b"".join(content)
        assert len(whole) == size
        return list(csv.reader(io.StringIO(whole.decode("utf-8-sig"))))


def test_three_broken_rows_among_ten_thousand_are_named_and_the_others_are_registered(app: Flask, alpha: str) -> None:
    rows = people(10_000)
    rows[17][1], rows[4_711][3], rows[9_998][2] = "31/02/1984", "123", "trai"
    work_id = begin(app, send(app, table(rows)))
    assert perform(app, work_id) == {"imported": 9_997, "duplicate": 0, "refused": 3}
    assert count(app) == count(app, AuditEntry.action == "patient.register", of=AuditEntry) == 9_997
    assert count(app, OutboxEvent.kind == "patient.register", of=OutboxEvent) == 9_997
    written = refused_file(app, work_id)
    assert [line[-3:-1] for line in written] == [
        ["Dòng", "Cột"], ["19", "Ngày sinh"], ["4713", "Số CCCD"], ["10000", "Giới tính"],
    ]  # fmt: skip
    assert written[1][: len(HEADER)] == rows[17]
    work = read(app, work_id)
    assert (work.state, work.done, work.total) == (LongWorkState.SUCCEEDED, 10_000, 10_000)


def test_the_hospitals_own_rules_hold_for_imports_too(app: Flask, alpha: str, bound: Bind) -> None:
    with bound(alpha):
        change_form_rules(ACTOR, 0, '{"properties": {"full_name": {"maxLength": 60, "x-message": "Tên quá dài"}}}')
    rows = people(3)
    rows[1][0] = "Nguyễn " + "Văn " * 20 + "An"
    work_id = begin(app, send(app, table(rows)))
    assert perform(app, work_id) == {"imported": 2, "duplicate": 0, "refused": 1}
    assert refused_file(app, work_id)[1][-2:] == ["Họ và tên", "Tên quá dài"]


def test_a_trial_changes_nothing_and_says_what_would_come_of_it(app: Flask, alpha: str, bound: Bind) -> None:
    rows = people(1_200)
    rows[1_100] = rows[3]
    tried = begin(app, send(app, table(rows)), dry_run=True)
    expected = {"imported": 1_199, "duplicate": 1, "refused": 0}
    assert perform(app, tried) == {**expected, "dry_run": True}
    assert count(app) == 0
    with bound(alpha):
        assert "5" in get_work(tried).refused[0].reason
        work_id = import_tried(ACTOR, tried, wake=False).id
    assert perform(app, work_id) == expected
    assert count(app) == 1_199


def test_the_same_file_is_not_imported_twice(app: Flask, alpha: str) -> None:
    text = table(people(30))
    first = begin(app, send(app, text))
    second = send(app, text, name="mot-ten-khac.csv")
    with pytest.raises(DoneBefore) as known:
        begin(app, second)
    assert known.value.work_id == first
    perform(app, first)
    with pytest.raises(DoneBefore):
        begin(app, second)
    assert count(app) == 30
    assert begin(app, second, dry_run=True) == second
    assert perform(app, second)["duplicate"] == 30


def test_whom_the_hospital_knows_is_told_by_number_and_not_made_twice(app: Flask, alpha: str, bound: Bind) -> None:
    with bound(alpha):
        known = factories.make_patient(
            full_name="Lê Thị Mai", cccd="079184000001", bhyt="4012345678", phone="+84912345678"
        )
        db.session.flush()
        db.session.refresh(known)
        sex = "Nữ" if known.sex == "female" else "Nam"
        born, code = f"{known.born_on:%d/%m/%Y}", known.code
    header = ["Họ tên", "Ngày sinh", "Giới tính", "CCCD", "BHYT", "Điện thoại"]
    rows = [
        ["Ai Đó", "01/02/1984", "Nữ", "079184000001", "", ""],
        ["Ai Khác", "01/02/1990", "Nữ", "", "4012345678", ""],
        ["LE THI MAI", "01/02/1990", "Nữ", "", "", "0912 345 678"],
        ["Con Của Mai", "01/02/2020", "Nam", "", "", "0912345678"],
        ["Lê Thị Mai", born, sex, "", "", ""],
        ["Người Mới", "01/02/1990", "Nam", "", "", ""],
        ["người  mới", "01/02/1990", "Nam", "", "", ""],
    ]
    work_id = begin(app, send(app, table(rows, header)))
    assert perform(app, work_id) == {"imported": 2, "duplicate": 5, "refused": 0}
    with bound(alpha):
        notes = [(note.number, note.column, note.reason) for note in get_work(work_id).refused]
    assert [(number, column) for number, column, _reason in notes] == [
        (2, "cccd"), (3, "bhyt"), (4, "phone"), (6, "full_name"), (8, "full_name"),
    ]  # fmt: skip
    assert all(code in reason for _number, _column, reason in notes[:4])


def test_a_utf_16_file_with_tabs_is_read_as_excel_writes_it(app: Flask, alpha: str, bound: Bind) -> None:
    text = table(people(3)).replace(",", "\t")
    work_id = send(app, b"\xff\xfe" + text.encode("utf-16-le"))
    with app.app_context(), bind_hospital(alpha), unit_of_work():
        looked = look_at(work_id, {"full_name": 0, "born_on": 1, "sex": 2})
        assert (looked.layout.encoding_name, looked.layout.separator) == ("UTF-16", "\t")
        assert [fault for _row, fault in looked.rows] == [None] * 3
    assert perform(app, begin(app, work_id))["imported"] == 3
    assert count(app, Patient.full_name == "Người Thử 2") == 1


@pytest.mark.parametrize("text", ["", "Họ tên,Ngày sinh\n", "PK\x03\x04"])
def test_a_file_without_rows_is_refused_and_nothing_of_it_is_kept(app: Flask, alpha: str, text: str) -> None:
    with pytest.raises(InvalidValue):
        send(app, text)
    assert count(app, of=LongWork) == 0


def test_a_file_with_too_many_rows_is_refused(app: Flask, alpha: str) -> None:
    with pytest.raises(NotATable, match="100"):
        send(app, "Họ tên\n" + "a\n" * 100_001)


def test_columns_that_are_missing_or_chosen_twice_are_named(app: Flask, alpha: str) -> None:
    work_id = send(app, table([["An"]], ["Họ tên"]))
    with pytest.raises(InvalidValue) as missing:
        begin(app, work_id)
    assert missing.value.field == "born_on"


def test_a_row_that_the_database_does_not_take_is_refused_alone(
    app: Flask, alpha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = people(20)
    rows[7][0] = "Một Cái Tên"
    work_id = begin(app, send(app, table(rows)))
    honest = imports.read_patient_row

    def careless(*args: Any) -> Any:
        found = honest(*args)
        return replace(found, phone="no number") if found.full_name == "Một Cái Tên" else found

    monkeypatch.setattr(imports, "read_patient_row", careless)
    assert perform(app, work_id) == {"imported": 19, "duplicate": 0, "refused": 1}
    assert count(app) == 19
    assert count(app, LongWorkRow.number == 9, of=LongWorkRow) == 1


def test_files_and_rows_end_after_their_time_and_a_file_that_two_share_ends_with_the_last(
    app: Flask, alpha: str, bound: Bind
) -> None:
    text = table([*people(2), ["Sai", "x", "y", "", ""]])
    tried = begin(app, send(app, text), dry_run=True)
    perform(app, tried)
    with bound(alpha):
        real = import_tried(ACTOR, tried, wake=False).id
        assert len(list(file_store().list(bound_hospital().id))) == 2  # the file, once, and the refused row
    with bound(alpha):
        db.session.get_one(LongWork, tried).expires_at = clock.now() - timedelta(hours=1)
    with app.app_context(), bind_hospital(alpha) as hospital:
        with unit_of_work():
            assert have_old_work()
        assert end_old_work() == 1
        assert len(list(file_store().list(hospital.id))) == 1
    assert perform(app, real)["imported"] == 2
    assert count(app, of=LongWorkRow) == 1
