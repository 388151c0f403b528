"""Consents: given, withdrawn, asked again; and that what uses data asks first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.messages.delivery import deliver_due
from app.domain.messages.due_reminders import queue_due_reminders
from app.domain.messages.models import AppointmentReminder, Channel, OutboundMessage, ReminderState
from app.domain.messages.reminders import plan_reminders, queue_confirmation
from app.domain.patients.models import Patient
from app.domain.privacy.consents import (
    PHOTOS,
    REMINDERS,
    RESEARCH,
    SHARING,
    TextChanged,
    answer,
    list_allowed,
    list_standing,
    may_use,
    publish_text,
)
from app.domain.privacy.models import ConsentDecision, ConsentText, PatientConsent
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.support.platform import ACTOR, Platform
from tests.support.queries import count_queries

Bind = Callable[[str], Any]
GIVEN, WITHDRAWN = ConsentDecision.GIVEN, ConsentDecision.WITHDRAWN
PAGE = "/h/alpha/patient/my-data/consents"


@pytest.fixture
def patient_id(bound: Bind, alpha: str) -> Any:
    with bound(alpha):
        return factories.make_patient().id


@pytest.fixture
def _texts_restored(platform: Platform, alpha: str) -> Any:
    """Texts are presets that outlive a test; one that a test publishes is taken away again."""
    yield
    with platform.admin("alpha") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM patient_consents")
        connection.execute("DELETE FROM consent_texts WHERE number > 1")


def test_nothing_that_needs_a_yes_may_be_used_before_there_was_one(bound: Bind, alpha: str, patient_id: Any) -> None:
    with bound(alpha):
        assert {purpose for purpose in (SHARING, RESEARCH, PHOTOS) if may_use(patient_id, purpose)} == set()
        assert may_use(patient_id, REMINDERS)
        assert not may_use(patient_id, "sold to whoever pays")


def test_a_yes_counts_until_it_is_withdrawn(bound: Bind, alpha: str, patient_id: Any) -> None:
    with bound(alpha):
        assert answer(ACTOR, patient_id, RESEARCH, GIVEN, 1)
        assert may_use(patient_id, RESEARCH)
        assert not answer(ACTOR, patient_id, RESEARCH, GIVEN, 1), "the same again is the same"
        assert answer(ACTOR, patient_id, RESEARCH, WITHDRAWN, 1)
        assert not may_use(patient_id, RESEARCH)
        assert db.session.scalar(sa.select(sa.func.count()).select_from(PatientConsent)) == 2


@pytest.mark.usefixtures("_texts_restored")
def test_a_new_text_asks_again(bound: Bind, alpha: str, patient_id: Any) -> None:
    with bound(alpha):
        answer(ACTOR, patient_id, RESEARCH, GIVEN, 1)
        answer(ACTOR, patient_id, REMINDERS, WITHDRAWN, 1)
    with bound(alpha):
        for purpose in (RESEARCH, REMINDERS):
            assert publish_text(ACTOR, purpose, 1, title="Mới", title_en="New", body="Khác", body_en="Other") == 2
    with bound(alpha):
        standing = {one.code: one for one in list_standing(patient_id)}
        assert standing[RESEARCH].asks
        assert not may_use(patient_id, RESEARCH)
        assert not may_use(patient_id, REMINDERS), "a refusal outlives the words that were refused"
        with pytest.raises(TextChanged):
            answer(ACTOR, patient_id, RESEARCH, GIVEN, 1)
        answer(ACTOR, patient_id, RESEARCH, GIVEN, 2)
        assert may_use(patient_id, RESEARCH)


def test_answers_and_texts_are_never_changed(bound: Bind, alpha: str, patient_id: Any, platform: Platform) -> None:
    with bound(alpha):
        answer(ACTOR, patient_id, RESEARCH, GIVEN, 1)
    with platform.admin(alpha) as connection:
        for statement in (
            "UPDATE patient_consents SET decision = 'withdrawn'",
            "DELETE FROM patient_consents",
            "UPDATE consent_texts SET body = 'x'",
        ):
            with pytest.raises(psycopg.Error, match="append-only"):
                connection.execute(statement)
    with bound(alpha), pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.session.begin_nested():
        db.session.execute(sa.update(ConsentText).values(body="x"))


def test_whoever_refused_is_not_reminded_and_what_was_queued_does_not_leave(
    app: Flask, bound: Bind, alpha: str
) -> None:
    """Refused between planning and due time, and between queuing and delivery: neither is sent."""
    with bound(alpha):
        soon, tomorrow = clock.now() + timedelta(hours=1, minutes=59), clock.now() + timedelta(days=1, minutes=1)
        first = factories.make_appointment(starts_at=soon)
        second = factories.make_appointment(starts_at=tomorrow)
        for visit in (first, second):
            patient = db.session.get_one(Patient, visit.patient_id)
            plan_reminders(ACTOR, visit, patient)
            queue_confirmation(ACTOR, visit, patient)
        people = [first.patient_id, second.patient_id]
        for one in people:
            answer(ACTOR, one, REMINDERS, WITHDRAWN, 1)
    with clock.frozen_at(tomorrow - timedelta(hours=1)), bound(alpha):
        assert queue_due_reminders() > 0
    with bound(alpha):
        states = set(db.session.scalars(sa.select(AppointmentReminder.state)))
        assert ReminderState.SENT not in states
        assert set(db.session.scalars(sa.select(OutboundMessage.template))) == {"confirmation"}
        assert list_allowed(people, REMINDERS) == set()
    sent: list[Any] = []

    class Spy:
        def send(self, letter: Any, _commit: Any) -> Any:
            sent.append(letter)

    with app.app_context(), bind_hospital(alpha):
        deliver_due({Channel.CONSOLE: Spy(), Channel.EMAIL: Spy()})
    assert sent == []


def test_who_refused_gets_no_confirmation_either(bound: Bind, alpha: str) -> None:
    with bound(alpha):
        visit = factories.make_appointment()
        answer(ACTOR, visit.patient_id, REMINDERS, WITHDRAWN, 1)
        queue_confirmation(ACTOR, visit, db.session.get_one(Patient, visit.patient_id))
        assert db.session.scalar(sa.select(OutboundMessage.id)) is None


def test_ten_thousand_patients_are_asked_about_in_two_queries(bound: Bind, alpha: str, platform: Platform) -> None:
    with platform.admin(alpha) as connection:
        connection.execute(
            "INSERT INTO patients (id, full_name, born_on, sex)"
            " SELECT gen_random_uuid(), 'P' || n, '1980-01-01', 'male' FROM generate_series(1, 10000) n"
        )
        connection.execute(
            "INSERT INTO patient_consents (id, patient_id, purpose_id, text_id, decision, via, at, recorded_by_name)"
            " SELECT gen_random_uuid(), p.id, t.purpose_id, t.id, 'withdrawn', 'portal', now(), ''"
            " FROM patients p, consent_texts t JOIN consent_purposes c ON c.id = t.purpose_id"
            " WHERE c.code = 'reminders' AND right(p.full_name, 1) = '7'"
        )
    with bound(alpha):
        everybody = set(db.session.scalars(sa.select(Patient.id)))
        with count_queries() as queries:
            allowed = list_allowed(everybody, REMINDERS)
        assert len(queries) == 2
        assert len(allowed) == 9000


def test_a_patient_answers_in_the_portal_and_sees_the_history(sign_in_patient: Any, alpha: str, bound: Bind) -> None:
    browser = sign_in_patient(alpha)
    answered = {"purpose": RESEARCH, "decision": "given", "number": 1}
    assert browser.submit(PAGE, answered).status_code == 303
    page = browser.get(PAGE).text
    assert "Quý vị đã đồng ý" in page or "Đã đồng ý" in page or "Agreed" in page
    with bound(alpha):
        assert may_use(browser.person["patient_id"], RESEARCH)
    browser.submit(PAGE, {**answered, "decision": "withdrawn"})
    with bound(alpha):
        assert not may_use(browser.person["patient_id"], RESEARCH)


@pytest.mark.parametrize(
    "sent", [{"purpose": "nothing", "decision": "given", "number": 1}, {"purpose": RESEARCH, "decision": "maybe"}]
)
def test_an_answer_that_makes_no_sense_changes_nothing(
    sign_in_patient: Any, alpha: str, bound: Bind, sent: dict[str, Any]
) -> None:
    browser = sign_in_patient(alpha)
    assert browser.submit(PAGE, sent).status_code == 404
    with bound(alpha):
        assert db.session.scalar(sa.select(PatientConsent.id)) is None


def test_the_desk_writes_down_a_consent_on_paper(sign_in_staff: Any, alpha: str, bound: Bind, patient_id: Any) -> None:
    desk = sign_in_staff(alpha, "receptionist")
    page = f"/h/alpha/hospital/patients/{patient_id}/consents"
    wrong = desk.submit(page, {"purpose": RESEARCH, "decision": "given", "signed_on": "31/02/2024", "numbers": "{}"})
    assert wrong.status_code == 422
    paper = {"purpose": RESEARCH, "decision": "given", "signed_on": "01/02/2024", "numbers": '{"research": 1}'}
    assert desk.submit(page, paper).status_code == 303
    with bound(alpha):
        row = db.session.scalars(sa.select(PatientConsent)).one()
        assert (row.via.value, row.recorded_by, row.signed_on is not None) == ("paper", desk.person["id"], True)
    assert sign_in_staff(alpha, "doctor").get(page).status_code == 403


def test_consents_of_one_hospital_say_nothing_at_another(bound: Bind, alpha: str, beta: str, patient_id: Any) -> None:
    with bound(beta):
        factories.make_patient(id=patient_id)
    with bound(alpha):
        answer(ACTOR, patient_id, RESEARCH, GIVEN, 1)
    with bound(beta):
        assert not may_use(patient_id, RESEARCH)


@pytest.mark.usefixtures("_texts_restored")
def test_the_administrator_publishes_a_new_text(sign_in_staff: Any, alpha: str) -> None:
    admin = sign_in_staff(alpha, "administrator")
    page = "/h/alpha/hospital/consent-texts/edit?purpose=research"
    texts = {"purpose": "research", "number": 1, "title": "Tên", "body": "Lời", "title_en": "Name", "body_en": ""}
    assert admin.submit(page, texts).status_code == 422
    assert admin.submit(page, {**texts, "body_en": "Words"}).status_code == 303
    assert admin.submit(page, {**texts, "body_en": "Words"}).status_code == 422, "somebody was faster"
    assert admin.get("/h/alpha/hospital/consent-texts").status_code == 200
