"""What belongs to the queue in the small world: a number that was called, a screen on a wall, a notification."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.core import clock
from app.core.db import db
from app.core.ids import hash_token
from app.domain.notices.models import Notification
from app.domain.queueing.models import Priority, QueueScreen, QueueTicket, TicketState
from app.domain.queueing.tickets import today

TICKET = 60  # added to the patient's own
SCREEN, NOTICE, NOTICE_EVENT = range(731, 734)

MakeId = Callable[[int], UUID]


def build_queue_of_patient(make_id: MakeId, patient_id: UUID, visit_id: UUID, department_id: UUID, number: int) -> None:
    """Give a patient who has arrived a number, called a moment ago."""
    now = clock.now()
    db.session.add(
        QueueTicket(
            id=make_id(TICKET),
            appointment_id=visit_id,
            patient_id=patient_id,
            department_id=department_id,
            day=today(),
            number=number,
            priority=Priority.ORDINARY,
            state=TicketState.CALLED,
            queued_at=now,
            called_at=now,
            calls=1,
            room="Phòng 1",
        )
    )
    db.session.flush()


def build_queue_of_hospital(make_id: MakeId, doctor_id: UUID, visit_id: UUID, canary: str) -> None:
    """Give a hospital a screen, and its doctor a notification about a visit."""
    db.session.add_all(
        [
            QueueScreen(id=make_id(SCREEN), name=canary, token_hash=hash_token(f"{canary} {make_id(SCREEN)}")),
            Notification(
                id=make_id(NOTICE),
                staff_id=doctor_id,
                event_id=make_id(NOTICE_EVENT),
                kind="appointment.check_in",
                subject_type="appointment",
                subject_id=visit_id,
            ),
        ]
    )
    db.session.flush()
