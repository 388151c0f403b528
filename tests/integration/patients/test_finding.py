"""Searching in two steps: who surely is meant comes first, and a part of a number is enough for whoever may read it."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.actor import Actor, ActorKind
from app.core.ids import new_id
from app.core.permissions import Bounds, FieldAccess
from app.domain.patients import finding
from app.domain.patients.finding import search_patients
from app.domain.patients.models import Confidentiality
from tests import factories
from tests.support.platform import ACTOR


def names(text: str, actor: Actor = ACTOR, page: int = 1) -> list[str]:
    return [row.full_name for row in search_patients(actor, text, page).items]


def test_names_that_begin_so_come_before_names_that_have_it(bound: Any, alpha: str) -> None:
    with bound(alpha):
        for name in ("Lê Văn An", "An Văn Lê", "Đặng Thị Văn Anh", "Văn An"):
            factories.make_patient(full_name=name)
        assert names("văn an") == ["Văn An", "An Văn Lê", "Đặng Thị Văn Anh", "Lê Văn An"]
        assert names("an van le") == ["An Văn Lê", "Lê Văn An"]
        assert names("an") == ["An Văn Lê", "Đặng Thị Văn Anh", "Lê Văn An", "Văn An"]
        assert names("ặng") == ["Đặng Thị Văn Anh"]


@pytest.mark.parametrize("part", ["34567", "0912 345", "+8491", "GD479", "4790123"])
def test_a_part_of_a_number_finds(bound: Any, alpha: str, part: str) -> None:
    with bound(alpha):
        factories.make_patient(full_name="Lê Thị Số", phone="+84912345678", bhyt="GD4790123456789")
        found = search_patients(ACTOR, part)
        assert [(row.full_name, row.is_exact) for row in found.items] == [("Lê Thị Số", False)]


def test_who_may_not_read_a_number_cannot_feel_along_it(bound: Any, alpha: str) -> None:
    me = new_id()
    actor = Actor(ActorKind.STAFF, me, "x", bounds=Bounds(me, closed={"patient.cccd": FieldAccess.HIDDEN}))
    with bound(alpha):
        factories.make_patient(phone="+84912345678")
        factories.make_patient(phone="+84999345678", confidentiality=Confidentiality.RESTRICTED)
        assert names("345678", actor) == []
        assert len(names("345678", Actor(ActorKind.STAFF, me, "x", bounds=Bounds(me)))) == 1
        assert len(names("0999345678", actor)) == 1


def test_counting_stops_and_a_page_too_far_shows_the_first(
    bound: Any, alpha: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "COUNTED_AT_MOST", 25)
    with bound(alpha):
        for _number in range(30):
            factories.make_patient(full_name="Nguyễn Văn Đông")
        first, second = search_patients(ACTOR, "nguyen"), search_patients(ACTOR, "dong", 2)
        assert (first.total, len(first.items), second.total, len(second.items)) == (25, 20, 25, 5)
        assert search_patients(ACTOR, "nguyen", 9).page == 1
