"""What the relay's events mean for people: notifications for those concerned, and word to the pages that are open.

Both stand being told again: a notification is unique by its event, and a page that reads once more sees the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from app.core.after_commit import after_commit
from app.core.db import db
from app.core.live import publish
from app.domain.appointments.models import Appointment
from app.domain.audit.consumers import consumer
from app.domain.audit.outbox import PlacedEvent
from app.domain.notices.operations import Notice, notify
from app.tenancy.binding import bound_hospital, has_revision

OF_VISITS = frozenset(
    {
        "appointment.book",
        "appointment.cancel",
        "appointment.check_in",
        "appointment.start",
        "appointment.complete",
        "appointment.no_show",
        "appointment.reschedule",
        "appointment.room",
    }
)
OF_RECORDS = frozenset({"vitals.record", "record.sign", "patient.update"})
OF_QUEUES = frozenset({"queue.call", "queue.miss", "queue.finish", "queue.return", "queue.rank"})
MOVES_QUEUE = frozenset({"appointment.check_in", "appointment.start", "appointment.complete", "appointment.cancel"})
TOLD_TO_DOCTORS = frozenset({"appointment.check_in", "appointment.cancel"})


@consumer("live", kinds=OF_VISITS | OF_RECORDS | OF_QUEUES, from_now=True)
def tell_pages(events: Sequence[PlacedEvent]) -> None:
    """Tell open pages which worklists and queues changed: a doctor's, a department's. Each is told once."""
    visits = _visits_of(events)
    worklists: dict[str, None] = {}
    queues: dict[str, None] = {}
    for event in events:
        doctor_id, department_id = visits.get(event.subject_id, (None, None))
        if event.kind in OF_QUEUES:
            queues[str(event.payload.get("department_id", ""))] = None
            worklists[""] = None
        elif doctor_id is None:
            worklists[""] = None
        else:
            worklists[str(doctor_id)] = worklists[str(department_id)] = None
            if event.kind in MOVES_QUEUE:
                queues[str(department_id)] = None
    code = bound_hospital().code
    told = [("worklist", key) for key in ([""] if "" in worklists else worklists)] + [("queue", key) for key in queues]
    after_commit(lambda: [publish(topic, hospital=code, key=key) for topic, key in told])


@consumer("notices", kinds=TOLD_TO_DOCTORS, from_now=True)
def tell_doctors(events: Sequence[PlacedEvent]) -> None:
    """Notify doctors that their patient has arrived, or that a visit with them was called off."""
    if not has_revision("h014"):
        return
    visits = _visits_of(events)
    notify(
        Notice(visits[event.subject_id][0], event.id, event.kind, "appointment", event.subject_id)
        for event in events
        if event.subject_id in visits
    )


def _visits_of(events: Sequence[PlacedEvent]) -> dict[UUID, tuple[UUID, UUID]]:
    wanted = {event.subject_id for event in events if event.subject_type == "appointment"}
    if not wanted:
        return {}
    query = sa.select(Appointment.id, Appointment.doctor_id, Appointment.department_id).where(
        Appointment.id.in_(wanted)
    )
    return {row.id: (row.doctor_id, row.department_id) for row in db.session.execute(query)}
