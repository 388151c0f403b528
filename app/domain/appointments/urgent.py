"""Who comes without a visit: as a walk-in at a time of today, or in an emergency, which no full slot turns away."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Forbidden, InvalidValue
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.appointments import queries, rules
from app.domain.appointments.booking_turns import Wanted, explain_collision, wait_for_turns
from app.domain.appointments.busy import read_standing
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia, DoctorSchedule, VisitKind
from app.domain.appointments.operations import book_appointment, get_bookable_patient, record_booking
from app.domain.appointments.slots import Slot
from app.domain.appointments.visits import check_in
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import BOOK_FOR_PATIENTS, CHECK_IN
from app.domain.organisation.models import Department
from app.domain.queueing.models import Priority

EMERGENCY_TAKES = timedelta(minutes=15)
SAME_EMERGENCY = timedelta(minutes=5)
MOST_AT_ONCE = 20


def receive_walk_in(
    actor: Actor,
    *,
    patient_id: UUID,
    doctor_id: UUID,
    department_id: UUID,
    starts_at: datetime,
    reason: str,
    type_id: UUID | None = None,
    beyond: bool = False,
) -> Appointment:
    """Give who has come without a visit a time of today, and check them in at once; raises as book_appointment does."""
    zone = queries.hospital_zone()
    if starts_at.astimezone(zone).date() != clock.today(zone):
        raise InvalidValue(_l("Who walks in is seen today. Book a visit for another day."), field="slot")
    visit = book_appointment(
        actor,
        patient_id=patient_id,
        doctor_id=doctor_id,
        department_id=department_id,
        starts_at=starts_at,
        reason=reason,
        via=BookedVia.DESK,
        type_id=type_id,
        kind=VisitKind.WALK_IN,
        beyond=beyond,
        tell=False,
    )
    if actor.may(CHECK_IN.code):
        check_in(actor, visit.id, visit.version)
    return visit


def receive_emergency(
    actor: Actor, *, patient_id: UUID, doctor_id: UUID, department_id: UUID, reason: str
) -> Appointment:
    """Let a patient be seen at once, whatever the doctor's hours hold, with a number that is called before others.

    Sent twice within five minutes it is the same emergency. Raises InvalidValue, OwnOverlap where the patient has
    another visit just now, PatientHasDied, or Forbidden.
    """
    reason = rules.check_reason(reason)
    get_bookable_patient(patient_id)
    actor = authorise(actor, patient_id, BOOK_FOR_PATIENTS)
    if not actor.may(CHECK_IN.code):
        raise Forbidden
    _check_doctor(doctor_id, department_id)
    wait_for_turns((doctor_id,), patient_id)
    standing = _find_same(patient_id, doctor_id)
    if standing is not None:
        return standing
    now = clock.now().replace(second=0, microsecond=0)
    slot = Slot(now, now + EMERGENCY_TAKES)
    visit = _put(actor, patient_id, Wanted(doctor_id, department_id, now), slot, reason)
    record_booking(actor, visit)
    check_in(actor, visit.id, visit.version, Priority.EMERGENCY)
    return visit


def _put(actor: Actor, patient_id: UUID, wanted: Wanted, slot: Slot, reason: str) -> Appointment:
    standing = read_standing(wanted.doctor_id, slot.start, slot.end)
    visit = Appointment(
        patient_id=patient_id,
        doctor_id=wanted.doctor_id,
        department_id=wanted.department_id,
        starts_at=slot.start,
        ends_at=slot.end,
        reason=reason,
        booked_via=BookedVia.DESK,
        kind=VisitKind.EMERGENCY,
        place=min(rules.first_free(standing.places), MOST_AT_ONCE),
        created_by=actor.id,
        updated_by=actor.id,
    )
    try:
        with db.session.begin_nested():
            db.session.add(visit)
    except IntegrityError as error:
        raise explain_collision(error, patient_id, wanted, slot) from error
    return visit


def _find_same(patient_id: UUID, doctor_id: UUID) -> Appointment | None:
    return db.session.scalar(
        sa.select(Appointment).where(
            Appointment.patient_id == patient_id,
            Appointment.doctor_id == doctor_id,
            Appointment.kind == VisitKind.EMERGENCY,
            Appointment.starts_at > clock.now() - SAME_EMERGENCY,
            Appointment.status.in_((AppointmentStatus.ARRIVED, AppointmentStatus.IN_PROGRESS)),
        )
    )


def _check_doctor(doctor_id: UUID, department_id: UUID) -> None:
    """Refuse a department that is not there, and whoever never sees patients."""
    sees_patients = sa.exists().where(DoctorSchedule.doctor_id == StaffUser.id)
    query = sa.select(StaffUser.id).where(
        StaffUser.id == doctor_id,
        StaffUser.deleted_at.is_(None),
        StaffUser.disabled_at.is_(None),
        sees_patients,
        sa.exists().where(Department.id == department_id),
    )
    if db.session.scalar(query) is None:
        raise InvalidValue(_l("Choose a doctor."), field="doctor")
