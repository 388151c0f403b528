"""Booking and cancelling visits. Whatever two people do at once, the database gives a time to one of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import NotFound, StaleVersion
from app.domain.access.reach import authorise
from app.domain.appointments import queries, rules
from app.domain.appointments.errors import NoSuchSlot, OwnOverlap, SlotTaken
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia
from app.domain.appointments.slots import Slot
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.messages.reminders import cancel_reminders, plan_reminders, queue_confirmation
from app.domain.patients.models import Patient

DOCTOR_AT_ONCE = "ex_appointments_doctor_at_once"
PATIENT_AT_ONCE = "ex_appointments_patient_at_once"
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
) -> Appointment:
    """Book a doctor's slot for a patient; asking again for the same visit returns the one that stands.

    Raises InvalidValue for the reason, PastSlot, NoSuchSlot, SlotTaken with free times nearby, or OwnOverlap.
    """
    reason = rules.check_reason(reason)
    patient = _get_patient(patient_id)
    actor = authorise(actor, patient_id, BOOK_FOR_PATIENTS)
    _wait_for_turn(doctor_id, patient_id)
    standing = _find_same(patient_id, doctor_id, starts_at)
    if standing is not None:
        return standing
    slot = _check_slot(doctor_id, department_id, starts_at)
    appointment = Appointment(
        patient_id=patient_id,
        doctor_id=doctor_id,
        department_id=department_id,
        starts_at=slot.start,
        ends_at=slot.end,
        reason=reason,
        booked_via=via,
        created_by=actor.id,
        updated_by=actor.id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(appointment)
    except IntegrityError as error:
        return _after_collision(error, patient_id, doctor_id, department_id, slot)
    db.session.refresh(appointment, ["code", "version"])
    ids = {"patient_id": str(patient_id), "doctor_id": str(doctor_id), "department_id": str(department_id)}
    record_change(
        actor,
        "appointment.book",
        subject_type="appointment",
        subject_id=appointment.id,
        patient_id=patient_id,
        changes={name: [None, value] for name, value in ids.items()},
        event=ids,
    )
    plan_reminders(actor, appointment, patient)
    queue_confirmation(actor, appointment, patient)
    return appointment


def cancel_appointment(
    actor: Actor, appointment_id: UUID, reason: str | None, version: int, *, patient_id: UUID | None = None
) -> Appointment:
    """Cancel a visit that has not begun; a patient names themselves by `patient_id` and reaches their own only.

    Raises NotFound, StaleVersion when it was changed since it was read, or NotCancellable. Cancelling again what is
    cancelled changes nothing.
    """
    if actor.kind is ActorKind.PATIENT and patient_id is None:
        raise ValueError("a patient cancels only as themselves: patient_id is needed")
    query = sa.select(Appointment).where(Appointment.id == appointment_id).with_for_update()
    if patient_id is not None:
        query = query.where(Appointment.patient_id == patient_id)
    appointment = db.session.scalar(query.execution_options(populate_existing=True))
    if appointment is None:
        raise NotFound
    actor = authorise(actor, appointment.patient_id, BOOK_FOR_PATIENTS)
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
    return appointment


def _get_patient(patient_id: UUID) -> Patient:
    patient = db.session.get(Patient, patient_id)
    if patient is None or patient.deleted_at is not None:
        raise NotFound
    return patient


def _wait_for_turn(doctor_id: UUID, patient_id: UUID) -> None:
    """Take bookings of one doctor, and those for one patient, one after another until the end of the transaction.

    The EXCLUDE constraints alone decide who is first; but two that insert at the same moment would wait for each other
    and one be ended as a deadlock, a second later and with no clear answer. Doctors are always locked before patients.
    """
    doctor, patient = (
        sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"book:{each}", 0)) for each in (doctor_id, patient_id)
    )
    db.session.execute(
        sa.select(doctor, patient),
        bind_arguments={"mapper": sa.inspect(Appointment)},
    )


def _find_same(patient_id: UUID, doctor_id: UUID, starts_at: datetime) -> Appointment | None:
    return db.session.scalar(
        sa.select(Appointment).where(
            Appointment.patient_id == patient_id,
            Appointment.doctor_id == doctor_id,
            Appointment.starts_at == starts_at,
            Appointment.status.not_in(queries.FREED),
        )
    )


def _check_slot(doctor_id: UUID, department_id: UUID, starts_at: datetime) -> Slot:
    zone = queries.hospital_zone()
    found = queries.list_hours(department_id, doctor_id)
    hours = found[0].hours if found else ()
    slot = rules.check_slot(hours, starts_at, now=clock.now(), zone=zone)
    if slot.start.astimezone(zone).date() > rules.last_bookable_day(clock.today(zone)):
        raise NoSuchSlot(field="slot")
    if queries.is_away(doctor_id, slot.start, slot.end):
        raise SlotTaken(queries.find_alternatives(doctor_id, department_id, slot.start))
    return slot


def _after_collision(
    error: IntegrityError, patient_id: UUID, doctor_id: UUID, department_id: UUID, slot: Slot
) -> Appointment:
    """Say what stood in the way; a second submit of the same visit finds the first one."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if constraint == "patient_is_not_erased":
        raise NotFound from error
    if constraint not in (DOCTOR_AT_ONCE, PATIENT_AT_ONCE):
        raise error
    standing = _find_same(patient_id, doctor_id, slot.start)
    if standing is not None:
        return standing
    if constraint == PATIENT_AT_ONCE:
        own = queries.find_own_at(patient_id, slot.start, slot.end)
        if own is not None:
            raise OwnOverlap(own.id, own.starts_at)
    raise SlotTaken(queries.find_alternatives(doctor_id, department_id, slot.start))
