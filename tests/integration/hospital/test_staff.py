"""Staff accounts: found, invited, changed, closed; an administrator always remains, nobody gives more than held."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.core.unit_of_work import unit_of_work
from app.domain.identity.closing import disable_account
from app.domain.identity.last_administrator import LastAdministrator
from app.domain.identity.models import StaffUser
from app.domain.identity.staff import get_staff, roles_of
from app.domain.messages.models import OutboundMessage
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR
from tests.support.queries import count_queries

STAFF = "/h/alpha/hospital/staff"
NEW = {
    "full_name": "Nguyễn Thị Lan",
    "username": "lan.nguyen",
    "email": "lan@benhvien.example",
    "phone": "0912 345 678",
    "roles": ["nurse"],
    "department": "",
    "specialization": "",
    "licence_number": "",
}


@pytest.fixture
def admin(alpha: str, sign_in_staff) -> CheckingClient:
    return sign_in_staff(alpha, "administrator", full_name="Quản Trị Một")


def staff_id_of(bound, username: str) -> UUID:
    with bound("alpha"):
        return db.session.scalars(sa.select(StaffUser.id).where(StaffUser.username == username)).one()


def make(bound, role: str = "nurse", **facts: Any) -> UUID:
    with bound("alpha"):
        return factories.make_staff(role, **facts).id


def form_of(bound, staff_id: UUID, **changes: Any) -> dict[str, Any]:
    with bound("alpha"):
        staff = get_staff(staff_id)
        return {
            "full_name": staff.full_name,
            "email": staff.email or "",
            "phone": staff.phone or "",
            "roles": [role.code for role in roles_of(staff_id)],
            "department": str(staff.department_id or ""),
            "specialization": "",
            "licence_number": "",
            "version": str(staff.version),
            **changes,
        }


def test_somebody_new_is_invited_and_chooses_the_password(admin: CheckingClient, bound, client: CheckingClient) -> None:
    made = admin.submit(STAFF, NEW, page=f"{STAFF}/new")
    assert made.status_code == 303, made.get_data(as_text=True)
    page = admin.get(made.location).get_data(as_text=True)
    assert "Nguyễn Thị Lan" in page
    assert "0912 345 678" in page
    with bound("alpha"):
        letter = db.session.scalars(
            sa.select(OutboundMessage.body).where(OutboundMessage.template == "invitation")
        ).one()
    link = re.search(r"http://[^/]+(/h/alpha/hospital/invitation/[\w-]{43})", letter)[1]
    refused = client.submit(link, {"password": "nguyen-lan-0912345678"})
    assert refused.status_code == 422
    assert "người khác biết" in refused.get_data(as_text=True)
    assert client.submit(link, {"password": "trang-len-dinh-nui-xanh"}).status_code == 303
    signed_in = client.submit(
        "/h/alpha/hospital/sign-in", {"username": "lan.nguyen", "password": "trang-len-dinh-nui-xanh"}
    )
    assert signed_in.status_code == 303


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"username": "Lan Nguyễn"}, "chữ thường"),
        ({"email": "khong-phai-thu"}, "địa chỉ thư điện tử"),
        ({"email": ""}, "địa chỉ thư điện tử"),
        ({"roles": []}, "vai trò"),
        ({"roles": ["no-such-role"]}, "ông"),
        ({"phone": "12"}, "điện thoại"),
        ({"full_name": ""}, "họ tên"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(admin: CheckingClient, change, words: str) -> None:
    answer = admin.submit(STAFF, NEW | change, page=f"{STAFF}/new")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert words in page
    assert change.get("full_name") == "" or 'value="Nguyễn Thị Lan"' in page


def test_a_name_that_is_taken_is_refused(admin: CheckingClient) -> None:
    assert admin.submit(STAFF, NEW, page=f"{STAFF}/new").status_code == 303
    assert admin.submit(STAFF, NEW, page=f"{STAFF}/new").status_code == 422


def test_somebody_is_changed_and_signed_out_by_new_roles(admin: CheckingClient, sign_in_staff, bound) -> None:
    nurse = sign_in_staff("alpha", "nurse")
    nurse_id = nurse.person["id"]
    form = form_of(bound, nurse_id, roles=["receptionist"], full_name="Tên Mới", email="moi@benhvien.example")
    assert admin.submit(f"{STAFF}/{nurse_id}", form, page=f"{STAFF}/{nurse_id}/edit").status_code == 303
    assert nurse.get("/h/alpha/hospital/today").status_code in (303, 401)
    assert admin.submit(f"{STAFF}/{nurse_id}", form, page=f"{STAFF}/{nurse_id}/edit").status_code == 409, "stale"
    with bound("alpha"):
        assert [role.code for role in roles_of(nurse_id)] == ["receptionist"]


def test_disabling_ends_sessions_at_once_and_enabling_lets_in_again(
    admin: CheckingClient, sign_in_staff, bound
) -> None:
    nurse = sign_in_staff("alpha", "nurse")
    page = f"{STAFF}/{nurse.person['id']}"
    assert admin.submit(f"{page}/disable", {"reason": ""}, page=page).status_code == 422
    assert admin.submit(f"{page}/disable", {"reason": "Đã nghỉ việc"}, page=page).status_code == 303
    assert nurse.get("/h/alpha/hospital/today").status_code in (303, 401)
    assert "Đã khóa" in admin.get(page).get_data(as_text=True)
    assert admin.submit(f"{page}/enable", {}, page=page).status_code == 303
    with bound("alpha"):
        assert get_staff(nurse.person["id"]).disabled_at is None


def test_somebody_slowed_down_is_unlocked(admin: CheckingClient, bound) -> None:
    nurse_id = make(bound)
    with bound("alpha"):
        get_staff(nurse_id).throttled_until = clock.now() + timedelta(minutes=9)
    page = f"{STAFF}/{nurse_id}"
    assert admin.submit(f"{page}/unlock", {}, page=page).status_code == 303
    with bound("alpha"):
        assert get_staff(nurse_id).throttled_until is None


def test_nobody_disables_themselves(admin: CheckingClient) -> None:
    page = f"{STAFF}/{admin.person['id']}"
    assert "/disable" not in admin.get(page).get_data(as_text=True)
    assert admin.submit(f"{page}/disable", {"reason": "Tự đóng"}, page=page).status_code == 409


def test_the_last_administrator_stays_one(admin: CheckingClient, bound) -> None:
    form = form_of(bound, admin.person["id"], roles=["nurse"])
    page = f"{STAFF}/{admin.person['id']}"
    assert admin.submit(page, form, page=f"{page}/edit").status_code == 409


def test_one_gives_ones_own_administration_away_only_knowingly(admin: CheckingClient, bound) -> None:
    make(bound, "administrator")
    page = f"{STAFF}/{admin.person['id']}"
    form = form_of(bound, admin.person["id"], roles=["nurse"])
    warned = admin.submit(page, form, page=f"{page}/edit")
    assert warned.status_code == 422
    assert 'name="knowingly"' in warned.get_data(as_text=True)
    assert admin.submit(page, form | {"knowingly": "y"}, page=f"{page}/edit").status_code == 303


def test_two_administrators_who_disable_each_other_do_not_both_succeed(app: Flask, alpha: str, bound) -> None:
    people = [make(bound, "administrator") for _one in range(2)]
    start, outcomes = threading.Barrier(2), []

    def disable(other: UUID) -> None:
        start.wait()
        try:
            with app.app_context(), bind_hospital(alpha), unit_of_work():
                disable_account(ACTOR, get_staff(other), "cùng một lúc")
            outcomes.append("done")
        except LastAdministrator:
            outcomes.append("last")

    threads = [threading.Thread(target=disable, args=(other,)) for other in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "last"]


def test_others_see_nothing_of_it(alpha: str, sign_in_staff, bound) -> None:
    nurse_id = make(bound)
    doctor = sign_in_staff(alpha, "doctor")
    for address in (
        STAFF,
        f"{STAFF}/new",
        f"{STAFF}/{nurse_id}",
        f"{STAFF}/{nurse_id}/edit",
        f"{STAFF}/{nurse_id}/hours",
    ):
        assert doctor.get(address).status_code == 403
    assert (
        doctor.submit(
            f"{STAFF}/{nurse_id}/disable", {"reason": "không được"}, page="/h/alpha/hospital/account"
        ).status_code
        == 403
    )


def test_staff_of_another_hospital_is_nobody(admin: CheckingClient, beta: str, bound) -> None:
    with bound(beta):
        other = factories.make_staff("nurse").id
    assert admin.get(f"{STAFF}/{other}").status_code == 404
    assert admin.get(f"{STAFF}/{new_id()}").status_code == 404


def test_ten_thousand_are_searched_a_page_at_a_time(admin: CheckingClient, bound) -> None:
    with bound("alpha"):
        db.session.execute(
            sa.text(
                "INSERT INTO staff_users (id, username, full_name, password_hash) SELECT gen_random_uuid(), 'nv' || n,"
                " 'Nhân Viên Số ' || n, '!' FROM generate_series(1, 10000) n"
            ),
            bind_arguments={"mapper": StaffUser},
        )
    with count_queries() as seen:
        page = admin.get(f"{STAFF}?q=nhan+vien+so+99&page=2").get_data(as_text=True)
    assert len(seen) <= 8, list(seen)
    assert page.count("<tr>") <= 30
    assert "111" in page, "99, 990 to 999 and 9900 to 9999 are so many"
    assert admin.get(f"{STAFF}?q=100%25").get_data(as_text=True).count("Nhân Viên") == 0
    assert "Nhân Viên Số 10000" in admin.get(f"{STAFF}?q=nv10000").get_data(as_text=True)
    assert admin.get(f"{STAFF}?page=0&state=x&department=y&role=z").status_code == 200


def test_a_doctor_gets_hours_and_loses_them(admin: CheckingClient, bound) -> None:
    doctor_id = make(bound, "doctor")
    page = f"{STAFF}/{doctor_id}/hours"
    hours = {"weekdays": ["0", "2"], "department": "NOI", "starts": "07:30", "ends": "11:30", "slot_minutes": "30"}
    assert admin.submit(page, hours | {"starts": "sáng"}).status_code == 422
    assert admin.submit(page, hours).status_code == 303
    assert admin.submit(page, hours).status_code == 409, "they overlap"
    shown = admin.get(page).get_data(as_text=True)
    assert "07:30–11:30" in shown
    schedule = re.search(rf"{doctor_id}/hours/([0-9a-f-]{{36}})/end", shown)[1]
    assert admin.submit(f"{page}/{schedule}/end", {}, page=page).status_code == 303
    other = make(bound, "doctor")
    assert admin.submit(f"{STAFF}/{other}/hours/{schedule}/end", {}, page=page).status_code == 404
