"""The formulary, interactions and order sets as an administrator keeps them: broken rows, conflicts, retiring."""

from __future__ import annotations

import io

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.audit.models import AuditEntry
from app.domain.prescriptions.models import IngredientInteraction, MealTiming, Medicine, OrderSet, OrderSetItem
from tests.integration.hospital.pages import fields_of
from tests.support.queries import count_queries

DESK = "/h/alpha/hospital"
HEADER = "Mã thuốc;Tên thuốc;Hàm lượng;Dạng bào chế;Đơn vị;Đường dùng;Mã ATC;Thành phần\n"
ROWS = (
    "THU1;Thuốc thử một;10 mg;Viên nén;viên;Uống;N02BE01;\n"
    "thu2;Thuốc thử hai;5 mg;Viên nén;viên;Uống;;Chất một + Chất hai\n"
)
BROKEN = "THU3;;5 mg;Viên;viên;Uống;;\nTHU1;Lần nữa;5 mg;Viên;viên;Uống;;\nTHU4;Sai ATC;5 mg;Viên;viên;Uống;XX;\n"


@pytest.fixture
def administrator(sign_in_staff, alpha):
    return sign_in_staff(alpha, "administrator")


@pytest.fixture
def clean(platform, alpha):
    """Take out the medicines that a test puts in: the formulary is a preset that is not emptied after tests."""
    yield
    with platform.admin(alpha) as connection:
        connection.execute("DELETE FROM order_sets")
        connection.execute("DELETE FROM medicines WHERE code LIKE 'THU%'")


def send(browser, url, content, act):
    data = {**fields_of(browser.get(url)), "file": (io.BytesIO(content), "thuoc.csv"), "act": act}
    return browser.post(url, data=data, content_type="multipart/form-data")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_tried_then_imported_and_broken_rows_are_named(administrator, bound, alpha, encoding, clean) -> None:
    url, content = f"{DESK}/formulary/import", (HEADER + ROWS + BROKEN).encode(encoding)
    tried = send(administrator, url, content, "try").get_data(as_text=True)
    with bound(alpha):
        assert not db.session.scalar(sa.select(sa.exists().where(Medicine.code == "THU1")))
    done = send(administrator, url, content, "import").get_data(as_text=True)
    for page in (tried, done):
        assert all(f">{number}<" in page for number in (4, 5, 6))
    with bound(alpha):
        two = db.session.scalars(sa.select(Medicine).where(Medicine.code == "THU2")).one()
        assert (two.name, two.ingredients) == ("Thuốc thử hai", ["Chất một", "Chất hai"])
        noted = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "formulary.import")).one()
        assert noted.changes == {"created": 2, "updated": 0, "faulty": 3}
    again = send(administrator, url, content, "import")
    assert again.status_code == 200
    with bound(alpha):
        count = sa.select(sa.func.count()).select_from(AuditEntry).where(AuditEntry.action == "formulary.import")
        assert db.session.scalar(count) == 1, "the same file again changes nothing"


def test_a_file_changes_no_unit_beneath_doses_and_keeps_what_it_says_nothing_of(
    administrator, bound, alpha, clean
) -> None:
    url = f"{DESK}/formulary/import"
    header = "Mã thuốc;Tên thuốc;Hàm lượng;Dạng bào chế;Đơn vị;Đơn vị liều;Dung lượng;Đường dùng;Mã ATC\n"
    bottle, tablet = "THU5;Siro thử;1 mg/ml;Siro;chai;ml;60;Uống;R05CB06\n", "THU6;Viên thử;1 mg;Viên;viên;;;Uống;\n"
    tube = "THU7;Kem thử;1 %;Kem;tuýp;;;Bôi;\n"
    page = send(administrator, url, (header + bottle + tablet + tube).encode(), "import").get_data(as_text=True)
    assert ">4<" in page, "a tube is not what a dose is counted in"
    with bound(alpha):
        one = db.session.scalars(sa.select(Medicine).where(Medicine.code == "THU5")).one()
        assert (one.unit, one.dose_unit, one.package_content) == ("chai", "ml", 60)
        order_set = OrderSet(name="Ho", note=None)
        db.session.add(order_set)
        db.session.flush()
        db.session.add(OrderSetItem(
            order_set_id=order_set.id, medicine_id=one.id, dose_amount=5, times_per_day=3, days=5,
            meal_timing=MealTiming.ANY))  # fmt: skip
    assert "Siro (chai · 60 ml)" in administrator.get(f"{DESK}/formulary?q=siro+thu").get_data(as_text=True)
    changed = "THU5;Siro thử;2 mg/ml;Siro;chai;ml;60;Uống;R05CB06\nTHU6;Viên thử;2 mg;Viên;viên;;;Uống;\n"
    page = send(administrator, url, (header + changed).encode(), "import").get_data(as_text=True)
    assert ">2<" in page
    without = "code,name,strength,form,unit,route\nTHU5,Siro thử mới,1 mg/ml,Siro,chai,Uống\n"
    assert send(administrator, url, without.encode(), "import").status_code == 200
    with bound(alpha):
        strengths = dict(db.session.execute(
            sa.select(Medicine.code, Medicine.strength).where(Medicine.code.in_(["THU5", "THU6"]))).all())  # fmt: skip
        assert strengths == {"THU5": "1 mg/ml", "THU6": "2 mg"}
        one = db.session.scalars(sa.select(Medicine).where(Medicine.code == "THU5")).one()
        assert (one.name, one.dose_unit, one.atc_code) == ("Siro thử mới", "ml", "R05CB06")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04zip", "Mã thuốc;Tên\nA;B\n".encode(), b"a,b\n" * 3])
def test_what_is_no_table_of_medicines_is_refused_with_a_sentence(administrator, content) -> None:
    assert send(administrator, f"{DESK}/formulary/import", content, "import").status_code == 422


def test_a_medicine_is_put_in_changed_with_a_conflict_and_retired(administrator, bound, alpha, clean) -> None:
    url = f"{DESK}/formulary/new"
    facts = {"code": "thu9", "name": "Thuốc thử", "strength": "1 mg", "form": "Viên", "unit": "viên", "route": "Uống"}
    assert administrator.post(url, data=fields_of(administrator.get(url), **{**facts, "name": ""})).status_code == 422
    assert administrator.post(url, data=fields_of(administrator.get(url), **facts)).status_code == 303
    assert administrator.post(url, data=fields_of(administrator.get(url), **facts)).status_code == 422
    with bound(alpha):
        medicine_id = db.session.scalars(sa.select(Medicine.id).where(Medicine.code == "THU9")).one()
    edit = f"{DESK}/formulary/{medicine_id}"
    before = administrator.get(edit)
    assert administrator.post(edit, data=fields_of(before, route="Ngậm")).status_code == 303
    conflict = administrator.post(edit, data=fields_of(before, route="Nhai"))
    assert conflict.status_code == 409
    assert "Ngậm" in conflict.get_data(as_text=True)
    page = f"{DESK}/formulary?q=thuoc+thu"
    assert administrator.submit(f"{edit}/retire", {"retired": "1"}, page=page).status_code == 303
    assert "THU9" not in administrator.get(page).get_data(as_text=True)
    assert "THU9" in administrator.get(f"{page}&retired=1").get_data(as_text=True)


def test_interactions_are_imported_with_their_source_and_taken_out(administrator, bound, alpha) -> None:
    url = f"{DESK}/interactions/import"
    content = (
        "ingredient_a,ingredient_b,severity,effect,advice,source\n"
        "Simvastatin,Clarithromycin,chống chỉ định,Tiêu cơ vân,Tránh phối hợp,Nguồn thử\n"
        "Clarithromycine,simvastatin,major,Lần nữa,,Nguồn thử\n"
        "Warfarin,Aspirin,major,Chảy máu,,\n"
        "Warfarin,Ibuprofen,nặng lắm,Chảy máu,,Nguồn thử\n"
    ).encode()
    page = send(administrator, url, content, "import").get_data(as_text=True)
    assert all(f">{number}<" in page for number in (3, 4, 5)), "twice, without a source, without a severity"
    with bound(alpha):
        kept = db.session.scalars(sa.select(IngredientInteraction)).one()
        assert (kept.key_a, kept.key_b, kept.severity.value) == ("clarithromicin", "simvastatin", "contraindicated")
        kept_id = kept.id
    listed = f"{DESK}/interactions?q=clarithromycine"
    assert "Tiêu cơ vân" in administrator.get(listed).get_data(as_text=True)
    assert administrator.submit(f"{DESK}/interactions/{kept_id}/remove", page=listed).status_code == 303


def test_an_order_set_is_made_filled_and_deleted(administrator, bound, alpha) -> None:
    index = f"{DESK}/order-sets"
    made = administrator.submit(index, {"name": "Viêm họng", "note": ""}, page=index)
    assert made.status_code == 303
    assert administrator.submit(index, {"name": "viem hong", "note": ""}, page=index).status_code == 422
    url = made.headers["Location"]
    with bound(alpha):
        medicine_id = db.session.scalars(sa.select(Medicine.id).where(Medicine.code == "PARA500")).one()
    item = {"medicine_id": str(medicine_id), "dose_amount": "1", "times_per_day": "3", "days": "5"}
    assert administrator.submit(f"{url}/medicines", {**item, "dose_amount": "1.000"}, page=url).status_code == 422
    assert administrator.submit(f"{url}/medicines", item, page=url).status_code == 303
    assert administrator.submit(f"{url}/medicines", item, page=url).status_code == 422
    with count_queries() as seen:
        assert "Paracetamol" in administrator.get(url).get_data(as_text=True)
    assert len(seen) <= 6
    assert administrator.submit(f"{url}/delete", page=url).status_code == 303
    assert administrator.get(url).status_code == 404


def test_a_doctor_keeps_no_formulary(sign_in_staff, alpha) -> None:
    doctor = sign_in_staff(alpha, "doctor")
    for page in ("formulary", "formulary/import", "interactions", "order-sets"):
        assert doctor.get(f"{DESK}/{page}").status_code == 403
