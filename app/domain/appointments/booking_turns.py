"""What booking and moving a visit share: whose turn it is, whether there is such a time, and what stood in the way."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.db import db
from app.core.errors import NotFound
from app.domain.appointments import queries, rules
from app.domain.appointments.errors import NoSuchSlot, OwnOverlap, SlotTaken
from app.domain.appointments.models import Appointment
from app.domain.appointments.slots import Slot

DOCTOR_AT_ONCE = "ex_appointments_doctor_at_once"
PATIENT_AT_ONCE = "ex_appointments_patient_at_once"
HELD = "slot_is_held"
KNOWN = (DOCTOR_AT_ONCE, PATIENT_AT_ONCE, HELD)


def wait_for_turns(doctor_ids: Collection[UUID], patient_id: UUID) -> None:
    """Take bookings of these doctors, and those for one patient, one after another until the end of the transaction.

    The EXCLUDE constraints alone decide who is first; but two that insert at the same moment would wait for each other
    and one be ended as a deadlock, a second later and with no clear answer. Doctors are always locked before patients,
    and in one order.
    """
    locks = [
        sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"book:{each}", 0))
        for each in (*sorted(doctor_ids, key=str), patient_id)
    ]
    db.session.execute(sa.select(*locks), bind_arguments={"mapper": sa.inspect(Appointment)})


def check_slot(doctor_id: UUID, department_id: UUID, starts_at: datetime) -> Slot:
    """Return the slot of a doctor that begins at a moment; raises PastSlot, NoSuchSlot, or SlotTaken in an absence."""
    zone = queries.hospital_zone()
    found = queries.list_hours(department_id, doctor_id)
    hours = found[0].hours if found else ()
    slot = rules.check_slot(hours, starts_at, now=clock.now(), zone=zone)
    if slot.start.astimezone(zone).date() > rules.last_bookable_day(clock.today(zone)):
        raise NoSuchSlot(field="slot")
    if queries.is_away(doctor_id, slot.start, slot.end):
        raise SlotTaken(queries.find_alternatives(doctor_id, department_id, slot.start))
    return slot


def explain_collision(
    error: IntegrityError,
    patient_id: UUID,
    doctor_id: UUID,
    department_id: UUID,
    slot: Slot,
    *,
    moving: UUID | None = None,
) -> Exception:
    """Return what to tell of a refusal by the database; of one that nobody expected, the refusal itself."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if constraint == "patient_is_not_erased":
        return NotFound()
    if constraint not in KNOWN:
        return error
    if constraint == PATIENT_AT_ONCE:
        own = queries.find_own_at(patient_id, slot.start, slot.end, other_than=moving)
        if own is not None:
            return OwnOverlap(own.id, own.starts_at)
    return SlotTaken(queries.find_alternatives(doctor_id, department_id, slot.start))
