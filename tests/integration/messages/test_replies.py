"""A reply by SMS counts from the number that was written to, for one visit, once; what is unclear is answered once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus, ConfirmedVia
from app.domain.appointments.moving import reschedule_appointment
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.operations import queue_message
from app.domain.messages.reminders import link_facts
from app.domain.messages.reminding import MessagePreference, MessageReply, ReplyMeaning
from app.domain.messages.replies import handle_reply
from app.domain.patients.models import Patient
from tests.factories import make_appointment, make_patient
from tests.integration.waiting.test_offering import doctor_at_work, morning
from tests.support.platform import ACTOR

NUMBER = "+84912345678"


def remind(days: int = 2, phone: str = NUMBER, patient_id: UUID | None = None) -> Appointment:
    patient_id = patient_id or make_patient(phone=phone).id
    visit = make_appointment(doctor_id=doctor_at_work(), patient_id=patient_id, starts_at=morning(days))
    queue_message(
        f"reminder:{visit.id}:1_day:sms",
        "reminder",
        channel=Channel.SMS,
        recipient=phone,
        appointment=visit,
        patient=db.session.get_one(Patient, patient_id),
        rule="1_day",
        facts=link_facts(visit),
    )
    db.session.execute(sa.update(OutboundMessage).values(state=MessageState.SENT))
    return visit


def answers() -> list[OutboundMessage]:
    query = sa.select(OutboundMessage).where(OutboundMessage.template.startswith("reply_"))
    return list(db.session.scalars(query.order_by(OutboundMessage.id)))


def test_one_confirms_and_two_cancels_once_each_and_is_acknowledged(bound, alpha: str) -> None:
    with bound(alpha):
        visit = remind()
        assert handle_reply("0912345678", "1", "sms:1") is ReplyMeaning.CONFIRMED
        assert handle_reply("0912345678", "1", "sms:1") is None  # the same report again
        assert handle_reply("84912345678", " Có ạ", "sms:2") is ReplyMeaning.CONFIRMED
        db.session.refresh(visit)
        assert visit.confirmed_via is ConfirmedVia.SMS
        assert handle_reply(NUMBER, "HUY lich", "sms:3") is ReplyMeaning.CANCELLED
        assert handle_reply(NUMBER, "1", "sms:4") is ReplyMeaning.TOO_LATE
        db.session.refresh(visit)
        assert visit.status is AppointmentStatus.CANCELLED
        said = [(one.template, one.recipient, one.channel) for one in answers()]
        assert said == [
            ("reply_confirmed", NUMBER, Channel.SMS),
            ("reply_cancelled", NUMBER, Channel.SMS),
            ("reply_unclear", NUMBER, Channel.SMS),
        ]
        assert len(db.session.scalars(sa.select(MessageReply)).all()) == 4


def test_what_is_unclear_is_answered_politely_once_and_two_machines_do_not_talk_for_ever(bound, alpha: str) -> None:
    with bound(alpha):
        visit = remind()
        for number in range(20):
            assert handle_reply(NUMBER, "I am out of office", f"sms:{number}") is ReplyMeaning.UNCLEAR
        assert [one.template for one in answers()] == ["reply_unclear"]
        db.session.refresh(visit)
        assert (visit.status, visit.confirmed_at) == (AppointmentStatus.BOOKED, None)


def test_a_reply_that_could_mean_two_visits_changes_neither(bound, alpha: str) -> None:
    with bound(alpha):
        first = remind(2)
        second = remind(3, patient_id=first.patient_id)
        family = remind(4)
        assert handle_reply(NUMBER, "2", "sms:1") is ReplyMeaning.SEVERAL
        assert {one.status for one in (first, second, family)} == {AppointmentStatus.BOOKED}


def test_nobody_answers_for_somebody_elses_number_nor_for_an_old_message(bound, alpha: str) -> None:
    with bound(alpha):
        visit = remind()
        for stranger in ("+84987654321", "", "VIETTEL", "+" * 50):
            assert handle_reply(stranger, "2", f"sms:{stranger}") is ReplyMeaning.NONE
        with clock.frozen_at(clock.now() + timedelta(days=11)):
            assert handle_reply(NUMBER, "2", "sms:late") is ReplyMeaning.NONE
        assert answers() == []
        db.session.refresh(visit)
        assert visit.status is AppointmentStatus.BOOKED


def test_an_answer_to_a_message_about_the_old_time_says_nothing_about_the_new_one(bound, alpha: str) -> None:
    with bound(alpha):
        visit = remind()
        db.session.get_one(Patient, visit.patient_id).email = "an@example.vn"
        with clock.frozen_at(clock.now() + timedelta(minutes=5)):
            reschedule_appointment(ACTOR, visit.id, doctor_id=visit.doctor_id, starts_at=morning(5), version=1)
            assert handle_reply(NUMBER, "1", "sms:1") is ReplyMeaning.NONE
        db.session.refresh(visit)
        assert visit.confirmed_at is None


def test_who_wants_no_news_of_moves_cancels_no_new_time_by_answering_the_old_one(bound, alpha: str) -> None:
    with bound(alpha):
        visit = remind()
        muted = MessagePreference(patient_id=visit.patient_id, channels=[], muted=["confirmation"])
        db.session.add(muted)
        db.session.flush()
        reschedule_appointment(ACTOR, visit.id, doctor_id=visit.doctor_id, starts_at=morning(5), version=1)
        assert handle_reply(NUMBER, "2", "sms:1") is ReplyMeaning.NONE
        db.session.refresh(visit)
        assert (visit.status, visit.starts_at) == (AppointmentStatus.BOOKED, morning(5))
