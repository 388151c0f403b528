"""The queue: numbers at check-in, calling in order, and what each sees of it."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment
from app.domain.appointments.visits import check_in
from app.domain.audit.models import OutboxEvent
from app.domain.audit.outbox import place_events, read_events
from app.domain.notices.consumers import tell_doctors
from app.domain.notices.models import Notification
from app.domain.patients.models import Patient
from app.domain.queueing.models import Priority, QueueTicket
from app.domain.queueing.queries import read_screen
from app.domain.queueing.tickets import NobodyWaits, call_next
from app.tenancy.binding import bind_hospital
from tests import factories
from tests.factories.people import department_id
from tests.support.platform import ACTOR

QUEUE = "/h/alpha/hospital/queue"
SCREENS = "/h/alpha/hospital/screens"


def arrive(bound: Any, code: str, *, age: int = 40, priority: Priority | None = None) -> UUID:
    """Have a patient arrive, a minute after the one before; return the visit."""
    with bound(code):
        born = date(clock.now().year - age, 1, 1)
        visit = factories.make_appointment(patient_id=factories.make_patient(born_on=born).id)
        assert check_in(ACTOR, visit.id, visit.version, priority)
        waiting = db.session.scalar(sa.select(sa.func.count()).select_from(QueueTicket)) or 0
        db.session.execute(
            sa.update(QueueTicket)
            .where(QueueTicket.appointment_id == visit.id)
            .values(queued_at=clock.now() - timedelta(minutes=60 - waiting))
        )
        return visit.id


def numbers(code: str) -> list[tuple[int, Priority]]:
    query = sa.select(QueueTicket.number, QueueTicket.priority).order_by(QueueTicket.number)
    return [(row.number, row.priority) for row in db.session.execute(query)]


def test_who_arrives_gets_a_number_and_is_called_in_order(app: Flask, bound: Any, alpha: str) -> None:
    for facts in ({}, {"age": 80}, {}, {"priority": Priority.EMERGENCY}, {"age": 3}):
        arrive(bound, alpha, **facts)
    with bound(alpha):
        assert numbers(alpha) == [
            (1, Priority.ORDINARY),
            (2, Priority.PREFERRED),
            (3, Priority.ORDINARY),
            (4, Priority.EMERGENCY),
            (5, Priority.PREFERRED),
        ]
        called = [call_next(ACTOR, department_id(), "Phòng 1").number for _each in range(5)]
        assert called == [4, 2, 5, 1, 3]
        with pytest.raises(NobodyWaits):
            call_next(ACTOR, department_id(), "Phòng 1")
        screen = read_screen(department_id())
    assert {entry.code for entry in screen.called} == {f"NOI 00{number}" for number in range(1, 6)}
    assert screen.waiting == 0


def test_two_who_check_in_or_call_at_once_meet_no_number_twice(
    app: Flask, bound: Any, alpha: str, ten_o_clock: datetime
) -> None:
    with bound(alpha):
        visits = [(v.id, v.version) for v in (factories.make_appointment() for _each in range(8))]
    found: list[int] = []

    def work(act: Any) -> None:
        with clock.frozen_at(ten_o_clock), app.app_context(), bind_hospital(alpha), unit_of_work():
            act()

    def at_once(acts: list[Any]) -> None:
        threads = [threading.Thread(target=work, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    at_once([lambda v=visit: check_in(ACTOR, *v) for visit in visits])
    with bound(alpha):
        department = department_id()
        assert [number for number, _priority in numbers(alpha)] == list(range(1, 9))
    at_once([lambda: found.append(call_next(ACTOR, department, "Phòng 1").number) for _each in range(8)])
    assert sorted(found) == list(range(1, 9))


def test_a_nurse_calls_calls_again_and_notes_who_did_not_come(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    visit_id = arrive(bound, alpha)
    nurse = sign_in_staff(alpha, "nurse")
    with bound(alpha):
        department = str(department_id())
    page = f"{QUEUE}?department={department}"
    assert "NOI 001" in nurse.get(page).text
    typed = {"department": department, "room": "", "whose": "all"}
    refused = nurse.submit(f"{QUEUE}/call-next", typed, page=page)
    assert refused.status_code == 422
    assert nurse.submit(f"{QUEUE}/call-next", typed | {"room": "Phòng 12"}, page=page).status_code == 303
    with bound(alpha):
        ticket = db.session.scalars(sa.select(QueueTicket).where(QueueTicket.appointment_id == visit_id)).one()
        ticket_id, version = ticket.id, ticket.version
    for act, state in (
        ("call", "called"),
        ("miss", "missed"),
        ("return", "waiting"),
        ("call", "called"),
        ("done", "done"),
    ):
        answer = nurse.submit(f"{QUEUE}/{ticket_id}/{act}", {"version": version, "department": department}, page=page)
        assert answer.status_code == 303, act
        stale = nurse.submit(f"{QUEUE}/{ticket_id}/{act}", {"version": version, "department": department}, page=page)
        assert stale.status_code == 409, "somebody else pressed it meanwhile"
        with bound(alpha):
            ticket = db.session.get(QueueTicket, ticket_id)
            assert ticket.state.value == state
            version = ticket.version
    with bound(alpha):
        kinds = db.session.scalars(sa.select(OutboxEvent.kind).where(OutboxEvent.subject_id == ticket_id)).all()
        assert sorted(kinds) == ["queue.call"] * 3 + ["queue.finish", "queue.miss", "queue.return"]


def test_another_departments_patients_are_not_called(bound: Any, alpha: str, sign_in_staff: Any) -> None:
    arrive(bound, alpha)
    nurse = sign_in_staff(alpha, "nurse", department="NGOAI")
    with bound(alpha):
        department = str(department_id("NOI"))
    typed = {"department": department, "room": "Phòng 1", "whose": "all"}
    assert nurse.submit(f"{QUEUE}/call-next", typed, page=QUEUE).status_code == 403


def test_a_screen_shows_numbers_and_no_names_until_it_is_taken_away(
    bound: Any, alpha: str, client: Any, sign_in_staff: Any
) -> None:
    visit_id = arrive(bound, alpha)
    with bound(alpha):
        call_next(ACTOR, department_id(), "Phòng 7")
    administrator = sign_in_staff(alpha, "administrator")
    assert administrator.submit(SCREENS, {"name": " ", "department": ""}).status_code == 422
    made = administrator.submit(SCREENS, {"name": "Sảnh tầng 1", "department": ""})
    address = made.text.split("<code", 1)[1].split(">", 1)[1].split("<", 1)[0].split("localhost", 1)[1]
    wall = client.get(address)
    assert wall.status_code == 200
    assert "NOI 001" in wall.text
    assert "Phòng 7" in wall.text
    with bound(alpha):
        name = db.session.get(Patient, db.session.get(Appointment, visit_id).patient_id).full_name
    assert name not in wall.text
    assert client.get(address.replace("alpha", "beta")).status_code == 404
    assert client.get(f"{address}x").status_code == 404
    revoke = administrator.get(SCREENS).text.split('/revoke"')[0].rsplit('"', 1)[1]
    assert administrator.submit(f"{revoke}/revoke", {}, page=SCREENS).status_code == 303
    assert client.get(address).status_code == 404


def test_a_patient_sees_their_own_number_and_how_many_are_before_it(
    bound: Any, alpha: str, sign_in_patient: Any
) -> None:
    arrive(bound, alpha)
    arrive(bound, alpha, age=80)
    visit_id = arrive(bound, alpha)
    with bound(alpha):
        patient_id = db.session.get(Appointment, visit_id).patient_id
    patient = sign_in_patient(alpha, patient_id)
    page = patient.get("/h/alpha/patient/queue").text
    assert "NOI 003" in page
    assert "NOI 001" not in page
    assert "Còn 2 người" in page
    with bound(alpha):
        for _each in range(3):
            call_next(ACTOR, department_id(), "Phòng 3")
    assert "Phòng 3" in patient.get("/h/alpha/patient/home").text


def test_a_doctor_is_told_once_that_a_patient_arrived_and_reads_it(
    app: Flask, bound: Any, alpha: str, sign_in_staff: Any
) -> None:
    doctor, other = sign_in_staff(alpha, "doctor"), sign_in_staff(alpha, "doctor")
    with bound(alpha):
        visit = factories.make_appointment(doctor_id=doctor.person["id"])
        check_in(ACTOR, visit.id, visit.version)
        visit_id = visit.id
    for _time in range(2):
        with bound(alpha):
            place_events()
            tell_doctors([event for event in read_events(0) if event.kind == "appointment.check_in"])
    with bound(alpha):
        notice = db.session.scalars(sa.select(Notification)).one()
        assert notice.staff_id == doctor.person["id"]
        notice_id = notice.id
    assert "1 chưa đọc" in doctor.get("/h/alpha/hospital/notifications/bell").text
    index = "/h/alpha/hospital/notifications"
    assert other.submit(f"{index}/{notice_id}", {}, page=index).status_code == 404
    opened = doctor.submit(f"{index}/{notice_id}", {}, page=index)
    assert opened.headers["Location"].endswith(f"/visits/{visit_id}")
    assert "chưa đọc" not in doctor.get("/h/alpha/hospital/notifications/bell").text
