"""What belongs to reminders and the waiting list in the small world: an unreached reminder, a wait, an open offer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from uuid import UUID

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import Appointment
from app.domain.messages.models import AppointmentReminder, Channel, ReminderOutcome, ReminderState
from app.domain.messages.reminding import MessagePreference, MessageReply, ReplyMeaning
from app.domain.waiting.models import AskedVia, FreedSlot, SlotOffer, WaitingEntry

REMINDER, WAIT, OFFER, FREED, REPLY = range(61, 66)  # added to the patient's own
REMINDER_RULE = UUID("0196b000-0000-7000-8000-000000000001")  # the same in every hospital

MakeId = Callable[[int], UUID]


def build_waiting_of_patient(make_id: MakeId, visit_id: UUID) -> None:
    """Let a patient with a booked visit wait for an earlier one, with an offer; no reminder has reached them.

    The offered time is none of the doctor's slots, so that taking it is refused at whatever hour a test runs.
    """
    visit, now = db.session.get_one(Appointment, visit_id), clock.now()
    starts = visit.starts_at - timedelta(hours=12) + timedelta(minutes=7)
    times = {"starts_at": starts, "ends_at": starts + timedelta(minutes=20)}
    place = {"doctor_id": visit.doctor_id, "department_id": visit.department_id}
    day = starts.date()
    db.session.add_all(
        [
            AppointmentReminder(
                id=make_id(REMINDER), appointment_id=visit.id, rule="3_days", channel=Channel.EMAIL,
                starts_at=visit.starts_at, due_at=now, state=ReminderState.FAILED, outcome=ReminderOutcome.NO_WAY,
            ),
            MessagePreference(patient_id=visit.patient_id, channels=["email"], muted=[]),
            MessageReply(
                id=make_id(REPLY), provider_id=f"sms:{make_id(REPLY)}", meaning=ReplyMeaning.UNCLEAR,
                patient_id=visit.patient_id, received_at=now,
            ),
            WaitingEntry(
                id=make_id(WAIT), patient_id=visit.patient_id, appointment_id=visit.id, weekdays=[],
                department_id=visit.department_id, from_time=time(0), until_time=time(23, 59),
                first_day=day - timedelta(days=1), last_day=day + timedelta(days=2), asked_via=AskedVia.DESK,
            ),
            FreedSlot(id=make_id(FREED), freed_at=now, **place, **times),
        ]
    )  # fmt: skip
    db.session.flush()
    db.session.add(
        SlotOffer(
            id=make_id(OFFER), entry_id=make_id(WAIT), freed_slot_id=make_id(FREED), patient_id=visit.patient_id,
            expires_at=now + timedelta(hours=1), **place, **times,
        )
    )  # fmt: skip
    db.session.flush()
