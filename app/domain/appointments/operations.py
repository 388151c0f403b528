"""Booking and cancelling visits. Whatever two people do at once, the database gives a time to one of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Forbidden, NotFound, StaleVersion
from app.core.permissions import Permission
from app.domain.access.reach import authorise
from app.domain.appointments import queries, rules
from app.domain.appointments.booking_turns import Wanted, explain_collision, grant_place, wait_for_turns
from app.domain.appointments.freeing import free_time, withdraw_offers
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia, VisitKind
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import BOOK_FOR_PATIENTS, OVERBOOK
from app.domain.messages.reminders import cancel_reminders, plan_reminders, queue_confirmation
from app.domain.patients.errors import PatientHasDied
from app.domain.patients.models import Patient

LONGEST_CANCEL_REASON = 500


def book_appointment(
    actor: Actor,
    *,
    patient_id: UUID,
    doctor_id: UUID,
    department_id: UUID,
    starts_at: datetime,
    reason: str,
    via: BookedVia,
    type_id: UUID | None = None,
    kind: VisitKind = VisitKind.PLANNED,
    beyond: bool = False,
    held: bool = False,
    follows_id: UUID | None = None,
    series_id: UUID | None = None,
    tell: bool = True,
    alternatives: bool = True,
) -> Appointment:
    """Book a doctor's slot for a patient; asking again for the same visit returns the one that stands.

    `beyond` squeezes somebody in beyond the slot's capacity, as far as the doctor's hours allow it and the actor may;
    `held` takes a place that an offer has held until now, and that others were squeezed in beside.
    Raises InvalidValue for the reason, PastSlot, NoSuchSlot, SlotTaken with free times nearby (which are looked for
    unless `alternatives` is off), OwnOverlap, PatientHasDied, or Forbidden.
    """
    reason = rules.check_reason(reason)
    patient = get_bookable_patient(patient_id)
    actor = authorise(actor, patient_id, BOOK_FOR_PATIENTS)
    if beyond and not actor.may(OVERBOOK.code):
        raise Forbidden
    wait_for_turns((doctor_id,), patient_id)
    standing = _find_same(patient_id, doctor_id, starts_at)
    if standing is not None:
        return standing
    at_desk = actor.kind is ActorKind.STAFF
    wanted = Wanted(doctor_id, department_id, starts_at, type_id, beyond or held, at_desk, alternatives)
    granted = grant_place(wanted)
    appointment = Appointment(
        patient_id=patient_id,
        doctor_id=doctor_id,
        department_id=department_id,
        starts_at=granted.slot.start,
        ends_at=granted.slot.end,
        reason=reason,
        booked_via=via,
        kind=kind,
        place=granted.place,
        type_id=type_id,
        schedule_id=granted.schedule_id,
        room_id=granted.room_id,
        follows_id=follows_id,
        series_id=series_id,
        created_by=actor.id,
        updated_by=actor.id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(appointment)
    except IntegrityError as error:
        standing = _find_same(patient_id, doctor_id, granted.slot.start)
        if standing is not None:
            return standing  # a second submit of the same visit
        raise explain_collision(error, patient_id, wanted, granted.slot) from error
    record_booking(actor, appointment)
    plan_reminders(actor, appointment, patient)
    if tell:
        queue_confirmation(actor, appointment, patient)
    return appointment


def record_booking(actor: Actor, appointment: Appointment) -> None:
    """Write down that a visit was booked, and read the code that the database gave it."""
    db.session.refresh(appointment, ["code", "version"])
    names = ("patient_id", "doctor_id", "department_id")
    ids = {name: str(getattr(appointment, name)) for name in names}
    record_change(
        actor,
        "appointment.book",
        subject_type="appointment",
        subject_id=appointment.id,
        patient_id=appointment.patient_id,
        changes={name: [None, value] for name, value in ids.items()} | {"kind": [None, appointment.kind.value]},
        event=ids,
    )


def cancel_appointment(
    actor: Actor,
    appointment_id: UUID,
    reason: str | None,
    version: int,
    *,
    patient_id: UUID | None = None,
    because: Permission = BOOK_FOR_PATIENTS,
) -> Appointment:
    """Cancel a visit that has not begun; a patient names themselves by `patient_id` and reaches their own only.

    `because` is the right by which it is done, where it follows from something else than a wish to cancel. Raises
    NotFound, StaleVersion when it was changed since it was read, or NotCancellable. Cancelling again what is cancelled
    changes nothing.
    """
    if actor.kind is ActorKind.PATIENT and patient_id is None:
        raise ValueError("a patient cancels only as themselves: patient_id is needed")
    # Who queues a message about the visit at the same time is not kept waiting: it is taken back below.
    query = sa.select(Appointment).where(Appointment.id == appointment_id).with_for_update(key_share=True)
    if patient_id is not None:
        query = query.where(Appointment.patient_id == patient_id)
    appointment = db.session.scalar(query.execution_options(populate_existing=True))
    if appointment is None:
        raise NotFound
    actor = authorise(actor, appointment.patient_id, because)
    if appointment.status is AppointmentStatus.CANCELLED:
        return appointment
    rules.check_cancellable(appointment.status, appointment.starts_at, now=clock.now())
    if appointment.version != version:
        raise StaleVersion
    appointment.status = AppointmentStatus.CANCELLED
    appointment.cancelled_at = clock.now()
    appointment.cancel_reason = (reason or "").strip()[:LONGEST_CANCEL_REASON] or None
    appointment.updated_by = actor.id
    db.session.flush()
    record_change(
        actor,
        "appointment.cancel",
        subject_type="appointment",
        subject_id=appointment.id,
        patient_id=appointment.patient_id,
        changes={"status": [AppointmentStatus.BOOKED.value, AppointmentStatus.CANCELLED.value]},
        event={"patient_id": str(appointment.patient_id), "doctor_id": str(appointment.doctor_id)},
    )
    cancel_reminders(appointment.id)
    withdraw_offers(appointment.id)
    free_time(appointment.doctor_id, appointment.department_id, appointment.starts_at, appointment.ends_at)
    return appointment


def get_bookable_patient(patient_id: UUID) -> Patient:
    """Return a patient for whom something may be booked; raises NotFound or PatientHasDied."""
    patient = db.session.get(Patient, patient_id)
    if patient is None or patient.deleted_at is not None:
        raise NotFound
    if patient.deceased_on is not None:
        raise PatientHasDied
    return patient


def _find_same(patient_id: UUID, doctor_id: UUID, starts_at: datetime) -> Appointment | None:
    return db.session.scalar(
        sa.select(Appointment).where(
            Appointment.patient_id == patient_id,
            Appointment.doctor_id == doctor_id,
            Appointment.starts_at == starts_at,
            Appointment.status.not_in(queries.FREED),
        )
    )
