"""The pages of erasing: holds, a proposal, the second person; and who may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.privacy.models import Erasure, ErasureState, LegalHold
from tests.support.queries import count_queries

Bind = Callable[[str], Any]


@pytest.fixture
def page(world: Any) -> str:
    return f"/h/alpha/hospital/patients/{world.patient_id}/privacy"


def test_a_hold_is_placed_and_lifted_with_reasons(sign_in_staff: Any, page: str, bound: Bind, alpha: str) -> None:
    admin = sign_in_staff(alpha, "administrator")
    holds = page.replace("privacy", "legal-holds")
    assert admin.submit(holds, {"hold_reason": "", "review_on": ""}, page=page).status_code == 422
    assert admin.submit(holds, {"hold_reason": "Kiện", "review_on": "99/99/2027"}, page=page).status_code == 422
    assert admin.submit(holds, {"hold_reason": "Kiện", "review_on": "01/01/2030"}, page=page).status_code == 303
    with bound(alpha):
        hold_id = db.session.scalars(sa.select(LegalHold.id)).one()
    assert "Kiện" in admin.get(page).text
    lift = {"hold_id": str(hold_id), "release_reason": ""}
    assert admin.submit(f"{holds}/release", lift, page=page).status_code == 422
    assert admin.submit(f"{holds}/release", {**lift, "release_reason": "Xong"}, page=page).status_code == 303
    assert admin.submit(f"{holds}/release", {"hold_id": "x"}, page=page).status_code == 404


def test_two_administrators_erase_and_one_cannot(sign_in_staff: Any, page: str, bound: Bind, alpha: str) -> None:
    one, other = sign_in_staff(alpha, "administrator"), sign_in_staff(alpha, "administrator")
    erasures = page.replace("privacy", "erasures")
    assert one.submit(erasures, {"kind": "erase", "reason": "Yêu cầu"}, page=page).status_code == 422, (
        "the law keeps it"
    )
    assert one.submit(erasures, {"kind": "deidentify", "reason": "Yêu cầu"}, page=page).status_code == 303
    with bound(alpha):
        row = db.session.scalars(sa.select(Erasure)).one()
        word = {"erasure_id": str(row.id), "version": row.version, "verdict": "approve"}
    assert "danger" not in one.get("/h/alpha/hospital/erasures").text.split("<main")[0]
    one.submit(f"{erasures}/verdict", word, page=page)
    with bound(alpha):
        assert db.session.scalars(sa.select(Erasure.state)).one() is ErasureState.PROPOSED
    assert other.submit(f"{erasures}/verdict", word, page=page).status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(Erasure.state)).one() is ErasureState.APPROVED


@pytest.mark.parametrize("role", ["doctor", "nurse", "receptionist"])
def test_nobody_else_erases_or_holds(sign_in_staff: Any, page: str, alpha: str, role: str) -> None:
    browser = sign_in_staff(alpha, role)
    for address in (page, "/h/alpha/hospital/erasures"):
        assert browser.get(address).status_code == 403
    for act in ("legal-holds", "erasures", "erasures/verdict", "legal-holds/release"):
        url = page.replace("privacy", act)
        assert browser.submit(url, {}, page="/h/alpha/hospital/today").status_code == 403


def test_the_page_of_one_patient_takes_a_fixed_number_of_queries(sign_in_staff: Any, page: str, alpha: str) -> None:
    admin = sign_in_staff(alpha, "administrator")
    admin.get(page)
    with count_queries() as queries:
        assert admin.get(page).status_code == 200
    assert len(queries) <= 16
