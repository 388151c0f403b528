"""Operators' accounts: invited by a letter of the platform, given a role, closed; somebody always remains."""

from __future__ import annotations

import re
import threading
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.identity.closing import disable_account
from app.domain.identity.last_administrator import LastAdministrator
from app.domain.identity.operators import create_operator, get_operator
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.models import MessageState
from app.domain.messages.platform_letters import deliver_platform_letters
from app.tenancy.models import OperatorRole, PlatformLetter, PlatformUser, PlatformUserPermission
from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient
from tests.support.platform import ACTOR
from tests.support.queries import count_queries

OPERATORS = "/admin/operators"
NEW = {"full_name": "Trần Văn Vận", "username": "van.tran", "email": "van@vien.example", "role": "technician"}
GOOD = "trang-len-dinh-nui-xanh"


class Postman:
    """Keeps what it is given to carry."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def send(self, letter: Letter, commit: Any) -> Outcome:
        commit()
        self.letters.append(letter)
        return Outcome(MessageState.SENT, provider_id="<1@test>")


@pytest.fixture
def admin(sign_in_operator) -> CheckingClient:
    return sign_in_operator()


def another(app: Flask, username: str = "mot.nguoi", role: OperatorRole = OperatorRole.SUPER_ADMIN) -> UUID:
    with app.app_context(), unit_of_work():
        return create_operator(
            ACTOR, username=username, full_name="Một Người", email="nguoi@vien.example", role=role, password=PASSWORD
        ).id


def test_an_invited_operator_chooses_the_password(admin: CheckingClient, app: Flask, client: CheckingClient) -> None:
    made = admin.submit(OPERATORS, NEW, page=f"{OPERATORS}/new")
    assert made.status_code == 303, made.get_data(as_text=True)
    postman = Postman()
    with app.app_context():
        assert deliver_platform_letters(postman) >= 1
        assert deliver_platform_letters(postman) == 0, "once"
        kept = db.session.scalars(
            sa.select(PlatformLetter).where(PlatformLetter.template == "operator_invitation")
        ).one()
        assert kept.body == "", "the link is not kept"
    letter = next(one for one in postman.letters if one.recipient == NEW["email"])
    link = re.search(r"(/admin/invitation/[\w-]{43})", letter.body)[1]
    assert client.submit(link, {"password": "van-tran-van-tran"}).status_code == 422
    assert client.submit(link, {"password": GOOD}).status_code == 303
    assert client.get(link).status_code == 404
    assert client.submit("/admin/sign-in", {"username": "van.tran", "password": GOOD}).status_code == 303
    assert client.get(OPERATORS).status_code == 403, "a technician manages no operators"


@pytest.mark.parametrize("change", [{"username": "Ông"}, {"email": "x"}, {"role": "king"}, {"full_name": ""}])
def test_what_is_wrong_is_said(admin: CheckingClient, change: dict[str, str]) -> None:
    assert admin.submit(OPERATORS, NEW | change, page=f"{OPERATORS}/new").status_code == 422


def test_a_name_is_taken_once(admin: CheckingClient) -> None:
    assert admin.submit(OPERATORS, NEW, page=f"{OPERATORS}/new").status_code == 303
    assert admin.submit(OPERATORS, NEW, page=f"{OPERATORS}/new").status_code == 422


def test_another_role_counts_at_once(admin: CheckingClient, sign_in_operator, app: Flask) -> None:
    other = sign_in_operator(OperatorRole.TECHNICIAN, "ky.thuat")
    page = f"{OPERATORS}/{other.person['id']}"
    assert admin.submit(f"{page}/role", {"role": "support"}, page=page).status_code == 303
    assert other.get("/admin/hospitals").status_code in (303, 401)
    with app.app_context():
        codes = set(
            db.session.scalars(
                sa.select(PlatformUserPermission.permission_code).where(
                    PlatformUserPermission.user_id == other.person["id"]
                )
            )
        )
    assert codes == {"hospitals.view", "support.ask"}


def test_nobody_changes_their_own_role_or_disables_themselves(admin: CheckingClient) -> None:
    page = f"{OPERATORS}/{admin.person['id']}"
    assert admin.submit(f"{page}/role", {"role": "support"}, page=OPERATORS + "/new").status_code == 409
    assert admin.submit(f"{page}/disable", {"reason": "không được"}, page=OPERATORS + "/new").status_code == 409


def test_disabled_at_once_enabled_and_unlocked(admin: CheckingClient, sign_in_operator, app: Flask) -> None:
    other = sign_in_operator(OperatorRole.TECHNICIAN, "ky.thuat")
    page = f"{OPERATORS}/{other.person['id']}"
    assert admin.submit(f"{page}/disable", {"reason": "nghỉ việc"}, page=page).status_code == 303
    assert other.get("/admin/hospitals").status_code in (303, 401)
    assert admin.submit(f"{page}/enable", {}, page=page).status_code == 303
    with app.app_context(), unit_of_work():
        get_operator(other.person["id"]).throttled_until = clock.now().replace(year=2099)
    assert "Đang phải chờ" in admin.get(page).get_data(as_text=True)
    assert admin.submit(f"{page}/unlock", {}, page=page).status_code == 303
    with app.app_context():
        assert get_operator(other.person["id"]).throttled_until is None


def test_two_who_disable_each_other_do_not_both_succeed(app: Flask) -> None:
    people, outcomes, start = [another(app, f"nguoi{n}") for n in range(2)], [], threading.Barrier(2)

    def disable(user_id: UUID) -> None:
        start.wait()
        try:
            with app.app_context(), unit_of_work():
                disable_account(ACTOR, get_operator(user_id), "cùng một lúc")
            outcomes.append("done")
        except LastAdministrator:
            outcomes.append("last")

    threads = [threading.Thread(target=disable, args=(one,)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "last"]


def test_the_list_is_searched_with_few_questions(admin: CheckingClient, app: Flask) -> None:
    with app.app_context(), unit_of_work() as session:
        session.execute(
            sa.insert(PlatformUser),
            [
                {
                    "username": f"nguoi{n}",
                    "full_name": f"Người Số {n}",
                    "email": f"n{n}@vien.example",
                    "role": OperatorRole.SUPPORT,
                    "password_hash": "!",
                }
                for n in range(300)
            ],
        )
    with count_queries() as seen:
        page = admin.get(f"{OPERATORS}?q=n299").get_data(as_text=True)
    assert "Người Số 299" in page
    assert len(seen) <= 6, list(seen)
    assert admin.get(f"{OPERATORS}?q=%25").get_data(as_text=True).count("Người Số") == 0
    assert admin.get(f"{OPERATORS}?page=3").status_code == 200


def test_others_manage_no_operators(sign_in_operator) -> None:
    technician = sign_in_operator(OperatorRole.TECHNICIAN, "ky.thuat")
    page = f"{OPERATORS}/{technician.person['id']}"
    for address in (OPERATORS, f"{OPERATORS}/new", page):
        assert technician.get(address).status_code == 403
    assert technician.submit(f"{page}/role", {"role": "super_admin"}, page="/admin/account").status_code == 403
