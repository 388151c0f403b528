"""Patients who have died, and patients who do not come any more. Both can be corrected; each change says why.

For somebody who has died nothing is booked, ordered or prescribed (the database refuses it, too), and what was booked
is cancelled, so that no reminder reaches the family.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.domain.access.reach import authorise
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.appointments.operations import cancel_appointment
from app.domain.identity.permissions import REGISTER_PATIENTS
from app.domain.patients.errors import PatientHasDied
from app.domain.patients.holding import hold_patient, record_of, touch
from app.domain.patients.models import Patient
from app.domain.waiting.asking import leave_list
from app.domain.waiting.models import WaitingEntry, WaitingState
from app.tenancy.binding import bound_hospital

LONGEST_REASON = 300


def record_death(actor: Actor, patient_id: UUID, version: int, died_on: date) -> int:
    """Write down that a patient has died; return how many visits were cancelled.

    Raises InvalidValue for the day, StalePatient, or PatientNotFound.
    """
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    patient = hold_patient(actor, patient_id, version)
    if died_on > _today():
        raise InvalidValue(_l("The day lies in the future."), field="died_on")
    if died_on < patient.born_on:
        raise InvalidValue(_l("The day lies before the birth."), field="died_on")
    patient.deceased_on = died_on
    touch(actor, patient)
    record_of(actor, "patient.death", patient, {"fields": ["deceased_on"]})
    return _call_off(actor, patient_id)


def correct_death(actor: Actor, patient_id: UUID, version: int) -> None:
    """Take back that a patient has died, where it was a mistake; raises StalePatient or PatientNotFound."""
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    patient = hold_patient(actor, patient_id, version)
    if patient.deceased_on is None:
        return
    patient.deceased_on = None
    touch(actor, patient)
    record_of(actor, "patient.death_corrected", patient, {"fields": ["deceased_on"]})


def deactivate_patient(actor: Actor, patient_id: UUID, version: int, reason: str) -> None:
    """Say that a patient does not come any more, and why; raises InvalidValue, StalePatient or PatientNotFound."""
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise InvalidValue(_l("Write why, in at most %(most)s characters.", most=LONGEST_REASON), field="reason")
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    patient = hold_patient(actor, patient_id, version)
    patient.inactive_at, patient.inactive_reason = patient.inactive_at or clock.now(), reason
    touch(actor, patient)
    record_of(actor, "patient.deactivate", patient, {"fields": ["inactive_at", "inactive_reason"]})


def reactivate_patient(actor: Actor, patient_id: UUID, version: int) -> None:
    """Take a patient up again who had stopped coming; raises StalePatient or PatientNotFound."""
    actor = authorise(actor, patient_id, REGISTER_PATIENTS)
    patient = hold_patient(actor, patient_id, version)
    if patient.inactive_at is None:
        return
    patient.inactive_at = patient.inactive_reason = None
    touch(actor, patient)
    record_of(actor, "patient.reactivate", patient, {"fields": ["inactive_at", "inactive_reason"]})


def refuse_for_dead(patient_id: UUID) -> None:
    """Refuse to order anything for somebody who has died; raises PatientHasDied."""
    if db.session.scalar(sa.select(Patient.deceased_on).where(Patient.id == patient_id)) is not None:
        raise PatientHasDied


def _call_off(actor: Actor, patient_id: UUID) -> int:
    """Cancel what is still to come, and leave the waiting list."""
    waits = sa.select(WaitingEntry.id).where(
        WaitingEntry.patient_id == patient_id, WaitingEntry.state == WaitingState.WAITING
    )
    for entry_id in db.session.scalars(waits).all():
        leave_list(actor, entry_id, because=REGISTER_PATIENTS)
    visits = sa.select(Appointment.id, Appointment.version).where(
        Appointment.patient_id == patient_id,
        Appointment.status == AppointmentStatus.BOOKED,
        Appointment.starts_at > clock.now(),
    )
    standing = db.session.execute(visits.order_by(Appointment.starts_at)).all()
    for visit in standing:
        cancel_appointment(actor, visit.id, _("The patient has died."), visit.version, because=REGISTER_PATIENTS)
    return len(standing)


def _today() -> date:
    return clock.today(ZoneInfo(bound_hospital().timezone))
