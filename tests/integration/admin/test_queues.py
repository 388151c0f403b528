"""The operators' pages of queues and of work that was given up."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.ids import new_id
from app.core.queue import enqueue, queue_named, redis_connection
from app.tenancy.dead_letters import get_dead_letter, put_dead_letter
from app.tenancy.models import DeadLetterState, LetterSource, OperatorRole, PlatformAuditEntry
from tests.integration.jobs.conftest import QueueServer, queue_server
from tests.support.queries import count_queries

__all__ = ["queue_server"]


@pytest.fixture
def letter(app: Flask, alpha: str) -> Any:
    with app.app_context():
        return put_dead_letter(LetterSource.JOB, "sync_hospital", reason="timeout", hospital=alpha, attempts=3)


def test_the_page_says_what_waits_for_whom_and_who_works(
    app: Flask, queue_server: QueueServer, alpha: str, beta: str, sign_in_operator: Any
) -> None:
    browser = sign_in_operator()
    with app.app_context():
        for hospital in (alpha, beta):
            enqueue("sync_hospital", hospital=hospital)
        enqueue("check_health")
        put_dead_letter(LetterSource.JOB, "sync_hospital", reason="timeout", hospital=beta)
    with count_queries() as few:
        page = browser.get("/admin/queues")
    assert page.status_code == 200
    for words in ("alpha", "beta", "check_health", "hx-get"):
        assert words in page.text.replace("<wbr>", "")
    with app.app_context():
        for number in range(20):
            enqueue("deliver_messages", hospital=alpha if number % 2 else beta)
    with count_queries() as many:
        assert browser.get("/admin/queues/now?poll=1").status_code == 200
    assert len(many) <= len(few)


def test_without_redis_the_page_says_so(app: Flask, queue_server: QueueServer, sign_in_operator: Any) -> None:
    browser = sign_in_operator()
    queue_server.kill()
    assert "Không xem được hàng đợi" in browser.get("/admin/queues").text


def test_work_is_found_and_done_again_once(app: Flask, letter: Any, sign_in_operator: Any) -> None:
    browser = sign_in_operator()
    with app.app_context():
        redis_connection().flushdb()
    assert str(letter) in browser.get("/admin/dead-letters?hospital=alpha&source=job&name=sync_hospital").text
    assert str(letter) not in browser.get("/admin/dead-letters?state=dismissed").text
    assert "Quá thời gian cho phép" in browser.get(f"/admin/dead-letters/{letter}").text
    page = f"/admin/dead-letters/{letter}"
    assert browser.submit(f"{page}/retry", {}, page=page).status_code == 303
    assert browser.submit(f"{page}/retry", {}, page="/admin/queues").status_code == 409
    with app.app_context():
        assert queue_named("hospital").count == 1
        redis_connection().flushdb()


def test_dismissing_asks_for_a_reason_keeps_what_was_typed_and_is_audited(
    app: Flask, letter: Any, sign_in_operator: Any
) -> None:
    browser, page = sign_in_operator(), f"/admin/dead-letters/{letter}"
    refused = browser.submit(f"{page}/dismiss", {"reason": "x" * 501}, page=page)
    assert (refused.status_code, "x" * 501 in refused.text) == (422, True)
    assert browser.submit(f"{page}/dismiss", {"reason": "đã làm tay"}, page=page).status_code == 303
    with app.app_context():
        assert get_dead_letter(letter).state is DeadLetterState.DISMISSED
        query = sa.select(PlatformAuditEntry.actor_name).where(PlatformAuditEntry.action == "dead_letter.dismiss")
        assert len(db.session.scalars(query).all()) == 1


def test_who_may_only_look_decides_nothing(app: Flask, letter: Any, sign_in_operator: Any) -> None:
    browser = sign_in_operator(OperatorRole.SUPPORT)
    page = f"/admin/dead-letters/{letter}"
    assert "/retry" not in browser.get(page).text
    for act in ("retry", "dismiss"):
        assert browser.submit(f"{page}/{act}", {"reason": "x"}, page="/admin/queues").status_code == 403
    assert browser.get(f"/admin/dead-letters/{new_id()}").status_code == 404
