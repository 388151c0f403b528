"""Patients are reminded once of what stands, and of nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.models import AccessEntry
from app.domain.messages.due_reminders import have_reminders_due, queue_due_reminders
from app.domain.messages.models import AppointmentReminder, Channel, MessageState, OutboundMessage, ReminderState
from app.domain.messages.queries import count_messages, list_messages, list_reminders
from app.domain.messages.reminders import cancel_reminders, plan_reminders, queue_confirmation
from app.domain.patients.models import Patient
from app.tenancy.binding import bind_hospital
from tests.factories import make_appointment, make_patient, make_patient_user
from tests.support.platform import ACTOR


def book(*, days: float = 3, **patient_facts: Any) -> Appointment:
    patient = make_patient(**patient_facts)
    appointment = make_appointment(patient_id=patient.id, starts_at=clock.now() + timedelta(days=days))
    plan_reminders(ACTOR, appointment, patient)
    return appointment


def all_of(model: type[Any]) -> list[Any]:
    return list(db.session.scalars(sa.select(model).order_by(model.id)))


def after(**span: float) -> datetime:
    return clock.now() + timedelta(**span)


def test_a_visit_in_three_days_is_reminded_of_a_day_and_two_hours_before(bound, alpha: str) -> None:
    with bound(alpha):
        appointment = book(days=3, email="an@example.vn")
        rows = list_reminders(appointment.id)
        assert [(row.rule, appointment.starts_at - row.due_at) for row in rows] == [
            ("1_day", timedelta(days=1)),
            ("2_hours", timedelta(hours=2)),
        ]
        assert {row.channel for row in rows} == {Channel.EMAIL}


def test_a_reminder_whose_time_has_passed_is_not_planned(bound, alpha: str) -> None:
    with bound(alpha):
        assert [row.rule for row in list_reminders(book(days=0.5).id)] == ["2_hours"]
        assert list_reminders(book(days=0.01).id) == []


def test_planning_again_changes_nothing(bound, alpha: str) -> None:
    with bound(alpha):
        appointment = book()
        plan_reminders(ACTOR, appointment, db.session.get_one(Patient, appointment.patient_id))
        assert len(all_of(AppointmentReminder)) == 2


def test_who_has_no_good_address_is_reminded_by_the_console(bound, alpha: str) -> None:
    with bound(alpha):
        for email in (None, "an@example.vn\r\nBcc: all@example.vn", "nobody"):
            assert {row.channel for row in list_reminders(book(email=email).id)} == {Channel.CONSOLE}


def test_a_due_reminder_becomes_one_message_in_the_patients_language_without_anything_clinical(
    bound, alpha: str
) -> None:
    with bound(alpha):
        vietnamese, english = book(full_name="Nguyễn Văn An"), book(full_name="John Smith", email="j@example.vn")
        make_patient_user(db.session.get_one(Patient, english.patient_id), locale="en")
        starts = vietnamese.starts_at
    with bound(alpha), clock.frozen_at(starts - timedelta(hours=20)):
        assert have_reminders_due()
        assert queue_due_reminders() == 2
    with bound(alpha):
        messages = {message.locale: message for message in all_of(OutboundMessage)}
        local = (starts + timedelta(hours=7)).strftime("%H:%M ngày %d/%m/%Y")
        assert messages["vi"].subject == f"Nhắc lịch khám: {local} tại Bệnh viện Alpha"
        assert "Nguyễn Văn An" in messages["vi"].body
        assert (messages["en"].channel, messages["en"].recipient) == (Channel.EMAIL, "j@example.vn")
        assert "Dear John Smith" in messages["en"].body
        for message in messages.values():
            assert message.key == f"reminder:{message.appointment_id}:1_day:{message.channel.value}"
            for clinical in ("Đau đầu", "Khoa", "General Medicine"):
                assert clinical not in message.subject + message.body
        states = {reminder.rule: reminder.state for reminder in all_of(AppointmentReminder)}
        assert states == {"1_day": ReminderState.SENT, "2_hours": ReminderState.PENDING}


def test_eight_workers_at_once_send_each_reminder_once(app: Flask, bound, alpha: str) -> None:
    with bound(alpha):
        for _ in range(30):
            book()
    moment = after(days=2.5)

    def work(_: int) -> int:
        taken = 0
        with app.app_context(), bind_hospital(alpha), clock.frozen_at(moment):
            while True:
                with unit_of_work():
                    some = queue_due_reminders(limit=4)
                taken += some
                if not some:
                    return taken

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 30
    with bound(alpha):
        assert len(all_of(OutboundMessage)) == 30


def test_a_reminder_told_twice_to_be_due_is_one_message(bound, alpha: str) -> None:
    with bound(alpha):
        book()
    with bound(alpha), clock.frozen_at(after(days=2.5)):
        queue_due_reminders()
        db.session.execute(sa.update(AppointmentReminder).values(state=ReminderState.PENDING, sent_at=None))
        queue_due_reminders()
    with bound(alpha):
        assert len(all_of(OutboundMessage)) == 1


def test_what_is_cancelled_is_not_reminded_of(bound, alpha: str) -> None:
    with bound(alpha):
        cancelled, forgotten = book(), book()
        cancelled.status = AppointmentStatus.CANCELLED
        cancel_reminders(cancelled.id)
        forgotten.status = AppointmentStatus.CANCELLED  # by somebody who did not think of reminders
        ids = cancelled.id, forgotten.id
    with bound(alpha), clock.frozen_at(after(days=2.5)):
        queue_due_reminders()
    with bound(alpha):
        assert all_of(OutboundMessage) == []
        states = {(one.appointment_id, one.rule): one.state for one in all_of(AppointmentReminder)}
        assert [states[one, "1_day"] for one in ids] == [ReminderState.CANCELLED] * 2


def test_cancelling_takes_back_what_is_queued(bound, alpha: str) -> None:
    with bound(alpha):
        appointment = book()
        queue_confirmation(ACTOR, appointment, db.session.get_one(Patient, appointment.patient_id))
        cancel_reminders(appointment.id)
    with bound(alpha):
        assert [message.state for message in all_of(OutboundMessage)] == [MessageState.FAILED]


def test_after_a_long_outage_one_reminder_is_sent_and_none_after_the_visit(bound, alpha: str) -> None:
    with bound(alpha):
        soon, past = book(days=3).id, book(days=2.5).id
    with bound(alpha), clock.frozen_at(after(days=2.95)):
        queue_due_reminders()
    with bound(alpha):
        (message,) = all_of(OutboundMessage)
        assert message.key.startswith(f"reminder:{soon}:2_hours")
        states = {(one.appointment_id, one.rule): one.state for one in all_of(AppointmentReminder)}
        assert states[soon, "1_day"] is ReminderState.CANCELLED
        assert {states[past, "1_day"], states[past, "2_hours"]} == {ReminderState.FAILED}


def test_a_confirmation_is_written_once_with_the_booking(bound, alpha: str) -> None:
    with bound(alpha):
        appointment = book(email="an@example.vn")
        patient = db.session.get_one(Patient, appointment.patient_id)
        queue_confirmation(ACTOR, appointment, patient)
        queue_confirmation(ACTOR, appointment, patient)
        patient_id = patient.id
    with bound(alpha):
        (row,) = list_messages(ACTOR)
        assert (row.template, row.state, row.recipient) == ("confirmation", MessageState.QUEUED, "an@example.vn")
        assert count_messages()[MessageState.QUEUED] == 1
        assert list_messages(ACTOR, state=MessageState.SENT) == []
        (access,) = all_of(AccessEntry)
        assert (access.action, access.patient_ids) == ("message.list", [patient_id])
