"""Alerts: raised once, counted on, escalated, ended; over the operators' events and each hospital's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.ids import new_id
from app.core.risks import Risk
from app.core.unit_of_work import unit_of_work
from app.domain.audit.operations import record_access
from app.domain.organisation.models import Setting
from app.domain.security.events import record_security_event
from app.domain.security.many_records import SETTING, find_many_records
from app.domain.security.models import HospitalAlert, HospitalAlertRule, HospitalSecurityEvent
from app.domain.security.watching import HOSPITAL, has_something_to_watch
from app.tenancy.alerts.handling import AlertTaken, RuleFacts, resolve_alert, save_rule, take_alert
from app.tenancy.alerts.queries import EventFilter, count_unowned, list_events, list_standing
from app.tenancy.alerts.raising import raise_alerts
from app.tenancy.alerts.watched import CENTRE
from app.tenancy.binding import bind_hospital
from app.tenancy.models import Alert, AlertState, Grouping, SecurityEvent
from app.tenancy.security_events import record_platform_security_event, take_security_events

SOMEBODY = Actor(ActorKind.STAFF, new_id(), "Người Thử", address="203.0.113.7")
ANOTHER = Actor(ActorKind.STAFF, new_id(), "Người Khác", address="203.0.113.8")


@pytest.fixture
def inside(app: Flask, alpha: str) -> Iterator[None]:
    """Work in a hospital; each `unit_of_work` commits."""
    with app.app_context(), bind_hospital(alpha):
        yield


def happens(kind: str, times: int = 1, actor: Actor = SOMEBODY, **facts: Any) -> None:
    with unit_of_work():
        for _ in range(times):
            record_security_event(actor, kind, **facts)


def raised() -> Counter[str]:
    with unit_of_work():
        return +raise_alerts(HOSPITAL)


def alerts() -> list[HospitalAlert]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(HospitalAlert).order_by(HospitalAlert.opened_at, HospitalAlert.key)))


def test_emergency_access_raises_one_alert_for_each_person(inside: None) -> None:
    happens("emergency_access.begin", 3)
    happens("emergency_access.begin", actor=ANOTHER)
    assert raised() == {"opened": 2}
    assert raised() == {}
    found = {alert.key: alert.events for alert in alerts()}
    assert found == {str(SOMEBODY.id): 3, str(ANOTHER.id): 1}


def test_failures_are_counted_by_whom_they_were_about(inside: None) -> None:
    account = new_id()
    happens("sign_in.failed", 9, subject_id=account)
    assert raised() == {}
    happens("sign_in.failed", 5)  # names that nobody has: about nobody
    assert raised() == {}
    happens("second_factor.failed", subject_id=account)
    assert raised() == {"opened": 1}
    happens("sign_in.failed", 4, subject_id=account)
    assert raised() == {"updated": 1}
    assert [alert.events for alert in alerts()] == [14]


def test_an_alert_that_nobody_takes_is_escalated_once_and_a_quiet_one_ends(inside: None) -> None:
    happens("records.many")
    happens("sign_in.unusual_hour", subject_id=SOMEBODY.id)
    assert raised() == {"opened": 2}
    with clock.frozen_at(clock.now() + timedelta(hours=5)):
        assert raised() == {"escalated": 1}
        assert raised() == {}
    with clock.frozen_at(clock.now() + timedelta(hours=25)):
        assert raised() == {"ended": 1}
    assert Counter(alert.state for alert in alerts()) == {AlertState.OPEN: 1, AlertState.RESOLVED: 1}


def test_what_was_resolved_is_not_raised_again_by_the_same_events(inside: None) -> None:
    happens("emergency_access.begin")
    raised()
    with unit_of_work():
        resolve_alert(HOSPITAL, ANOTHER, alerts()[0].id, "Đã xem xét, hợp lý.")
    assert raised() == {}
    happens("emergency_access.begin")
    assert raised() == {"opened": 1}


def test_two_who_watch_at_once_raise_one_alert(app: Flask, alpha: str, inside: None) -> None:
    happens("emergency_access.begin")

    def watch(_number: int) -> Counter[str]:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            return +raise_alerts(HOSPITAL)

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(watch, range(12)), Counter[str]())
    assert done["opened"] == 1
    assert len(alerts()) == 1


def test_one_person_takes_an_alert_and_resolves_it_with_words(inside: None) -> None:
    happens("emergency_access.begin")
    raised()
    (alert,) = alerts()
    with unit_of_work():
        take_alert(HOSPITAL, SOMEBODY, alert.id)
    with pytest.raises(AlertTaken), unit_of_work():
        take_alert(HOSPITAL, ANOTHER, alert.id)
    with pytest.raises(InvalidValue), unit_of_work():
        resolve_alert(HOSPITAL, SOMEBODY, alert.id, "  ")
    with unit_of_work():
        resolve_alert(HOSPITAL, SOMEBODY, alert.id, "Bệnh nhân cấp cứu thật.")
    with pytest.raises(AlertTaken), unit_of_work():
        resolve_alert(HOSPITAL, ANOTHER, alert.id, "again")
    assert count_unowned(HOSPITAL) == 0


def test_the_standing_alerts_begin_with_what_nobody_has_and_is_worst(inside: None) -> None:
    happens("support.enter")
    happens("emergency_access.begin")
    happens("audit.tampered")
    raised()
    mine = next(row for row in list_standing(HOSPITAL) if row.severity is Risk.CRITICAL)
    with unit_of_work():
        take_alert(HOSPITAL, SOMEBODY, mine.id)
    assert [row.severity for row in list_standing(HOSPITAL)] == [Risk.HIGH, Risk.MEDIUM, Risk.CRITICAL]


def test_a_rule_is_changed_by_one_at_a_time_and_checked(inside: None) -> None:
    rule = db.session.scalars(sa.select(HospitalAlertRule).limit(1)).one()
    rule_id, version, kept = rule.id, rule.version, facts_of(rule)
    with pytest.raises(StaleVersion), unit_of_work():
        save_rule(HOSPITAL, SOMEBODY, kept, rule_id=rule_id, version=version + 1)
    for wrong in ({"events": 0}, {"minutes": 20_000}, {"kinds": ("no.such",)}, {"name": " "}, {"quiet_minutes": 0}):
        with pytest.raises(InvalidValue), unit_of_work():
            save_rule(HOSPITAL, SOMEBODY, facts_of(rule, **wrong), rule_id=rule_id, version=version)
    with unit_of_work():
        made = save_rule(HOSPITAL, SOMEBODY, facts_of(rule, kinds=("role.change",)), rule_id=None, version=None)
        made_id = made.id
    with unit_of_work():
        db.session.get_one(HospitalAlertRule, made_id).is_active = False


def facts_of(rule: HospitalAlertRule, **changes: Any) -> RuleFacts:
    names = ("name", "kinds", "least_risk", "events", "minutes", "counted_by", "severity", "escalate_minutes",
             "quiet_minutes", "is_active")  # fmt: skip
    values = {name: getattr(rule, name) for name in names} | changes
    return RuleFacts(**{**values, "kinds": tuple(values["kinds"])})


def test_who_opens_many_patients_is_noticed_once_an_hour_and_worklists_do_not_count(inside: None) -> None:
    with unit_of_work():
        db.session.merge(Setting(key=SETTING, value={"patients": 5}))
    patients = [new_id() for _ in range(6)]
    with unit_of_work():
        record_access(ANOTHER, "worklist", subject_type="worklist", subject_id=None, patient_ids=patients)
        for patient_id in patients:
            record_access(SOMEBODY, "patient", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
            record_access(ANOTHER, "patient", subject_type="patient", subject_id=None, patient_ids=patients[:1])
    assert has_something_to_watch()
    with unit_of_work():
        assert find_many_records() == 1
    with unit_of_work():
        assert find_many_records() == 0
    (event,) = db.session.scalars(sa.select(HospitalSecurityEvent)).all()
    assert (event.actor_id, event.details) == (SOMEBODY.id, {"patients": 6, "minutes": 10})
    with unit_of_work():
        db.session.execute(sa.update(Setting).where(Setting.key == SETTING).values(value={"patients": 40}))


def test_the_centre_alerts_of_what_a_hospital_told_late(app: Flask, alpha: str) -> None:
    with app.app_context():
        with unit_of_work() as session:
            hospital_id = session.execute(sa.text("SELECT id FROM hospitals WHERE code = 'alpha'"),
                                          bind_arguments={"mapper": Alert}).scalar_one()  # fmt: skip
        told = {
            "id": str(new_id()), "at": (clock.now() - timedelta(days=7)).isoformat(), "kind": "audit.tampered",
            "risk": "critical", "portal": None, "actor_kind": "system", "actor_id": None, "subject_type": None,
            "subject_id": None, "address_index": None, "request_id": None,
        }  # fmt: skip
        for _ in range(2):
            with unit_of_work():
                take_security_events(hospital_id, [told])
        with unit_of_work():
            assert raise_alerts(CENTRE)["opened"] == 2  # by what it is, and by how grave
        with unit_of_work():
            rows = list_standing(CENTRE)
            assert {(row.hospital_code, row.events) for row in rows} == {("alpha", 1)}


def test_operators_find_events_by_kind_risk_hospital_and_time(app: Flask) -> None:
    with app.app_context():
        with unit_of_work():
            record_platform_security_event(SOMEBODY, "gateway.change")
            record_platform_security_event(SOMEBODY, "sign_in.failed")
        with unit_of_work():
            assert list_events(CENTRE, EventFilter(), 1).total == 2
            assert list_events(CENTRE, EventFilter(kind="gateway.change"), 1).total == 1
            assert list_events(CENTRE, EventFilter(least_risk=Risk.MEDIUM), 1).total == 1
            assert list_events(CENTRE, EventFilter(hospital_id=new_id()), 1).total == 0
            assert list_events(CENTRE, EventFilter(since=clock.now() + timedelta(minutes=2)), 1).total == 0
            assert list_events(CENTRE, EventFilter(actor_id=SOMEBODY.id), 1).total == 2


def test_every_grouping_can_be_counted(app: Flask) -> None:
    with app.app_context():
        with unit_of_work():
            record_platform_security_event(SOMEBODY, "gateway.change", subject_id=new_id())
        for counted_by in Grouping:
            with unit_of_work():
                rule = save_rule(
                    CENTRE, SOMEBODY,
                    RuleFacts("Thử", (), Risk.LOW, 1, 10, counted_by, Risk.LOW, None, None, True), rule_id=None,
                    version=None,
                )  # fmt: skip
                rule_id = rule.id
            with unit_of_work():
                assert raise_alerts(CENTRE)["opened"] == 1, counted_by
            with unit_of_work():
                db.session.get_one(CENTRE.rules, rule_id).is_active = False
        assert db.session.scalar(sa.select(sa.func.count()).select_from(SecurityEvent)) == 1
