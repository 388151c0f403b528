"""Queues and dead letters in a browser: the page moves by itself, and what was given up is decided on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.core.queue import Envelope, push
from app.core.unit_of_work import unit_of_work
from app.tenancy.dead_letters import put_dead_letter
from app.tenancy.models import LetterSource, OperatorRole
from tests import factories
from tests.functional.conftest import DESKTOP, PHONE, wait_until
from tests.functional.pages import Watched
from tests.functional.test_access_rules import sign_in
from tests.functional.words import vi

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_operator_sees_queues_move_and_decides_on_what_was_given_up(
    app: Flask, alpha: str, beta: str, open_browser: Callable[..., Watched], shape: Any
) -> None:
    name = "phone" if shape is PHONE else "desktop"
    with app.app_context():
        with unit_of_work():
            factories.make_operator("van.hanh", OperatorRole.SUPER_ADMIN)
        facts: dict[str, Any] = {"reason": "timeout", "attempts": 3}
        put_dead_letter(LetterSource.JOB, "sync_hospital", hospital=alpha, **facts)
        put_dead_letter(
            LetterSource.EVENT, "live", reason="poison", detail="KeyError", hospital=beta, payload={"position": 4711}
        )
        put_dead_letter(LetterSource.JOB, "check_health", reason="killed", attempts=3)
    desk = open_browser(shape)
    sign_in(desk, "/admin/sign-in", vi("Sign-in name"), "van.hanh")
    desk.show_code()
    desk.go("/admin/queues")
    wait_until(lambda: _reloaded(desk), "a worker is there", 60)
    with app.app_context():
        for number in range(90):
            push(Envelope("sync_hospital", alpha if number % 3 else beta))
    desk.go("/admin/queues")
    desk.look(f"queues-{name}", full=True)
    first = desk.page.locator(".stat__value").first
    before = first.inner_text()
    desk.page.wait_for_function("words => document.querySelector('.stat__value').innerText !== words", arg=before)
    desk.go("/admin/dead-letters")
    desk.look(f"dead-letters-{name}", full=True)
    desk.page.get_by_role("link", name="live", exact=True).click()
    desk.look(f"dead-letter-{name}", full=True)
    desk.page.get_by_label(vi("Why it need not be done")).fill("Đã xử lý bằng tay cùng bệnh viện")
    desk.press(vi("Dismiss it"))
    assert desk.page.get_by_role("link", name="live", exact=True).count() == 0


def _reloaded(desk: Watched) -> bool:
    """Tell whether the page, loaded again, knows of a worker."""
    desk.page.reload()
    return desk.page.get_by_text(vi("Nobody works")).count() == 0
