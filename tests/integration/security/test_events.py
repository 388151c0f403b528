"""What happens to security is written where it belongs, lasts though the request fails, and reaches the centre."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.ids import new_id
from app.core.risks import Risk
from app.core.unit_of_work import unit_of_work
from app.domain.centre.sync import synchronise
from app.domain.identity.models import StaffSession
from app.domain.identity.unusual_hours import note_unusual_hour
from app.domain.security.events import record_security_event
from app.domain.security.models import HospitalSecurityEvent
from app.tenancy.models import SecurityEvent
from app.tenancy.security_events import record_platform_security_event
from tests.support.client import CheckingClient
from tests.support.platform import Platform

SOMEBODY = Actor(ActorKind.STAFF, new_id(), "Người Thử", address="203.0.113.7", request_id="request-0001")


def events_of(bound: Any, code: str) -> list[HospitalSecurityEvent]:
    with bound(code):
        found = db.session.scalars(sa.select(HospitalSecurityEvent).order_by(HospitalSecurityEvent.id)).all()
        db.session.expunge_all()
    return list(found)


def central_events(app: Flask) -> list[SecurityEvent]:
    with app.app_context(), unit_of_work():
        found = db.session.scalars(sa.select(SecurityEvent).order_by(SecurityEvent.id)).all()
        db.session.expunge_all()
    return list(found)


def test_the_centre_hears_once_of_an_event_without_name_and_address(app: Flask, alpha: str, bound: Any) -> None:
    with bound(alpha):
        record_security_event(SOMEBODY, "role.change", subject_type="role", subject_id=SOMEBODY.id)
    with app.app_context():
        synchronise(alpha)
        synchronise(alpha)
    (told,) = central_events(app)
    (kept,) = events_of(bound, alpha)
    assert (told.id, told.at, told.kind, told.risk) == (kept.id, kept.at, "role.change", Risk.MEDIUM)
    assert (told.actor_id, told.subject_id) == (SOMEBODY.id, SOMEBODY.id)
    assert (told.actor_name, told.address, told.details) == ("", None, {})
    assert told.address_index == kept.address_index
    assert told.address_index is not None
    assert b"203.0.113.7" not in told.address_index


def test_an_event_lasts_though_its_request_is_rolled_back(app: Flask, alpha: str, bound: Any) -> None:
    with pytest.raises(RuntimeError, match="half-way"), bound(alpha):
        record_security_event(SOMEBODY, "confirm.failed", lasting=True)
        record_security_event(SOMEBODY, "role.change")
        raise RuntimeError("half-way")
    assert [event.kind for event in events_of(bound, alpha)] == ["confirm.failed"]


def test_a_kind_that_nobody_declared_is_refused(app: Flask, alpha: str, bound: Any) -> None:
    with bound(alpha), pytest.raises(KeyError):
        record_security_event(SOMEBODY, "no.such_kind")


@pytest.mark.parametrize("statement", ["UPDATE security_events SET kind = 'x'", "DELETE FROM security_events",
                                       "TRUNCATE security_events"])  # fmt: skip
def test_events_can_be_neither_changed_nor_removed(
    app: Flask, platform: Platform, alpha: str, bound: Any, statement: str
) -> None:
    with bound(alpha):
        record_security_event(SOMEBODY, "role.change")
    with app.app_context(), unit_of_work():
        record_platform_security_event(SOMEBODY, "gateway.change")
    for database in (alpha, None):
        with platform.admin(database) as connection, pytest.raises(psycopg.Error, match="append-only"):
            connection.execute(statement)


def test_a_failed_sign_in_is_noted_with_whose_it_was_and_never_with_what_was_typed(
    app: Flask, alpha: str, bound: Any, client: CheckingClient, sign_in_staff: Callable[..., CheckingClient]
) -> None:
    person = sign_in_staff(alpha, "nurse").person
    page = f"/h/{alpha}/hospital/sign-in"
    client.submit(page, {"username": person["username"], "password": "wrong horse battery"})
    client.submit(page, {"username": "nobody-here", "password": "wrong horse battery"})
    failed = [event for event in events_of(bound, alpha) if event.kind == "sign_in.failed"]
    assert [event.subject_id for event in failed] == [person["id"], None]
    assert all(event.portal == "hospital" and event.address == "127.0.0.1" for event in failed)
    written = repr([vars(event) for event in failed])
    assert "nobody-here" not in written
    assert "wrong horse" not in written


def test_an_operators_failed_sign_in_is_the_platforms(app: Flask, client: CheckingClient) -> None:
    client.submit("/admin/sign-in", {"username": "root", "password": "wrong horse battery"})
    (event,) = central_events(app)
    assert (event.kind, event.portal, event.hospital_id) == ("sign_in.failed", "admin", None)


def test_a_refused_page_is_noted_once_a_minute(
    app: Flask, alpha: str, bound: Any, sign_in_staff: Callable[..., CheckingClient]
) -> None:
    browser = sign_in_staff(alpha, "receptionist")
    for _ in range(3):
        assert browser.get(f"/h/{alpha}/hospital/medicines?q=para").status_code == 403
    denied = [event for event in events_of(bound, alpha) if event.kind == "access.denied"]
    assert len(denied) == 1
    assert denied[0].actor_id == browser.person["id"]
    assert denied[0].details["method"] == "GET"


def test_a_sign_in_at_an_hour_at_which_somebody_never_comes_is_noted(
    app: Flask, alpha: str, bound: Any, sign_in_staff: Callable[..., CheckingClient]
) -> None:
    person = sign_in_staff(alpha, "nurse").person
    now = clock.now()
    with bound(alpha):
        db.session.execute(sa.delete(StaffSession))
        for day in range(1, 12):
            moment = now - timedelta(days=day, hours=6)
            row = StaffSession(
                staff_id=person["id"], created_at=moment, last_seen_at=moment, expires_at=moment, ended_at=moment
            )
            db.session.add(row)
        db.session.flush()
        assert note_unusual_hour(SOMEBODY, "hospital", person["id"])
        assert not note_unusual_hour(SOMEBODY, "hospital", new_id())
    with bound(alpha), clock.frozen_at(now + timedelta(hours=18)):
        assert not note_unusual_hour(SOMEBODY, "hospital", person["id"])
    assert [event.subject_id for event in events_of(bound, alpha) if event.kind.endswith("unusual_hour")] == [
        person["id"]
    ]
