"""Who may be the same person is said with the reason, and nobody is told of a confidential patient by a name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.core.actor import Actor, ActorKind
from app.core.ids import new_id
from app.core.permissions import Bounds
from app.domain.patients.duplicates import Reason, find_similar, read_told
from app.domain.patients.models import Confidentiality, Sex
from tests import factories

BORN = date(1984, 3, 5)
KNOWN = {
    "full_name": "Nguyễn Thị Ngọc Ánh", "born_on": BORN, "sex": Sex.FEMALE, "phone": "+84912345678",
    "bhyt": "GD4790123456789",
}  # fmt: skip
DESK = Actor(ActorKind.STAFF, new_id(), "Tiếp đón", bounds=Bounds(new_id()))


@pytest.mark.parametrize(
    ("name", "born_on", "bhyt", "phone", "reasons"),
    [
        ("Nguyen Thi Ngoc Anh", BORN, "", "", (Reason.NAME_AND_BIRTH,)),
        ("Nguyễn Thị Ngọc Ánh", date(1984, 5, 3), "", "", (Reason.BIRTH_TURNED,)),
        ("Nguyễn Ngọc Ánh", BORN, "", "", (Reason.LIKE_NAME_AND_BIRTH,)),
        ("Nguyễn Thị Ngọc Ánh", date(1990, 1, 1), "", "0912 345 678", (Reason.NAME_AND_PHONE,)),
        ("Trần Văn Con", date(2015, 1, 1), "", "0912345678", (Reason.PHONE,)),
        ("Trần Văn Con", None, "gd 4 79 0123456789", "", (Reason.BHYT,)),
        ("Nguyễn Thị Ngọc Ánh", date(1990, 1, 1), "", "", None),
        ("Lê Văn Khác", BORN, "", "", None),
        ("N", BORN, "x", "1", None),
        ("", None, "", "", None),
    ],
)
def test_each_reason_is_said(
    bound: Any, alpha: str, name: str, born_on: date | None, bhyt: str, phone: str, reasons: tuple[Reason, ...] | None
) -> None:
    with bound(alpha):
        factories.make_patient(**KNOWN)
        found = find_similar(DESK, read_told(name, born_on, "", bhyt, phone))
    assert [one.reasons for one in found] == ([reasons] if reasons else [])


def test_a_confidential_patient_is_found_by_a_number_only(bound: Any, alpha: str) -> None:
    with bound(alpha):
        factories.make_patient(**KNOWN, confidentiality=Confidentiality.RESTRICTED)
        assert find_similar(DESK, read_told(KNOWN["full_name"], BORN, "", "", "")) == []
        assert len(find_similar(DESK, read_told("", None, "", "GD4790123456789", ""))) == 1
