"""What the platform hands down arrives in every hospital; the later version stands, whichever comes first."""

from __future__ import annotations

import pytest
from flask import Flask

from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.domain.centre.handing_down import apply_items, hand_down, is_handed_something, read_handed_down
from app.tenancy.binding import bind_hospital
from app.tenancy.configuration import FACTS, LONGEST_NOTICE, NOTICE, Item, announce, forget_applied, list_behind
from tests.integration.jobs.conftest import away
from tests.support.platform import ACTOR, Platform


def write(app: Flask, text: str) -> None:
    with app.app_context(), unit_of_work():
        announce(ACTOR, text)


def notice_in(app: Flask, code: str) -> str | None:
    with app.app_context(), bind_hospital(code):
        value = read_handed_down(NOTICE)
        return value["text"] if value else None


def carry(app: Flask, code: str) -> int:
    with app.app_context():
        return hand_down(code)


def test_a_notice_arrives_everywhere_is_replaced_and_taken_away(
    app: Flask, platform: Platform, alpha: str, beta: str
) -> None:
    write(app, "Bảo trì tối thứ Bảy")
    assert carry(app, alpha) == 2  # with the hospital's own facts
    with app.app_context(), unit_of_work():
        assert [(row.code, row.name) for row in list_behind()] == [(beta, NOTICE)]
    carry(app, beta)
    assert notice_in(app, alpha) == notice_in(app, beta) == "Bảo trì tối thứ Bảy"
    assert carry(app, alpha) == 0
    with app.app_context(), bind_hospital(alpha):
        assert not is_handed_something()
        facts = read_handed_down(FACTS)
        assert facts is not None
        assert facts["display_name"] == "Bệnh viện Alpha"
    write(app, "Bảo trì tối Chủ nhật")
    with away(platform, platform.databases[beta]):
        carry(app, alpha)
    assert (notice_in(app, alpha), notice_in(app, beta)) == ("Bảo trì tối Chủ nhật", "Bảo trì tối thứ Bảy")
    write(app, "")
    carry(app, alpha)
    carry(app, beta)  # the one between is never missed
    assert notice_in(app, alpha) is notice_in(app, beta) is None


def test_an_older_version_never_replaces_a_later_one(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        assert apply_items([Item(NOTICE, {"text": "later"}, 5)]) == {NOTICE: 5}
        assert apply_items([Item(NOTICE, {"text": "earlier"}, 4)]) == {NOTICE: 5}
    assert notice_in(app, alpha) == "later"


def test_a_centre_restored_from_before_gets_ahead_again(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        apply_items([Item(NOTICE, {"text": "of a centre that is gone"}, 1_000_000)])
    write(app, "Thông báo mới")
    carry(app, alpha)
    carry(app, alpha)
    assert notice_in(app, alpha) == "Thông báo mới"


def test_a_hospital_restored_from_before_is_handed_everything_again(app: Flask, platform: Platform, alpha: str) -> None:
    write(app, "Bảo trì")
    carry(app, alpha)
    with platform.admin(alpha) as connection, platform.admin() as central:
        connection.execute("DELETE FROM handed_down")
        (hospital_id,) = central.execute("SELECT id FROM hospitals WHERE code = 'alpha'").fetchone() or ("",)
    with app.app_context(), unit_of_work():
        forget_applied(hospital_id)
    assert carry(app, alpha) == 2
    assert notice_in(app, alpha) == "Bảo trì"


def test_a_notice_has_a_length(app: Flask) -> None:
    with app.app_context(), pytest.raises(InvalidValue), unit_of_work():
        announce(ACTOR, "x" * (LONGEST_NOTICE + 1))
