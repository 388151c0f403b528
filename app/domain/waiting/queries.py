"""Reading the waiting list: the desk's view of everybody within reach, and a patient's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.domain.access.reach import within_reach
from app.domain.appointments.models import Appointment
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.organisation.models import Department
from app.domain.paging import Page, offset_of
from app.domain.patients.models import Patient
from app.domain.waiting.models import OfferState, SlotOffer, WaitingEntry, WaitingState

PER_PAGE = 50
MOST_OWN = 20

_OFFER = sa.orm.aliased(SlotOffer, name="offer")
_WANTED = sa.orm.aliased(StaffUser, name="wanted_doctor")
_OFFERED = sa.orm.aliased(StaffUser, name="offered_doctor")
_COLUMNS: tuple[Any, ...] = (
    WaitingEntry.id,
    WaitingEntry.weekdays,
    WaitingEntry.from_time,
    WaitingEntry.until_time,
    WaitingEntry.first_day,
    WaitingEntry.last_day,
    WaitingEntry.state,
    WaitingEntry.asked_via,
    WaitingEntry.created_at,
    WaitingEntry.appointment_id,
    Patient.id.label("patient_id"),
    Patient.full_name.label("patient_name"),
    Patient.code.label("patient_code"),
    Patient.phone.label("patient_phone"),
    Department.name.label("department_name"),
    Department.name_en.label("department_name_en"),
    _WANTED.full_name.label("doctor_name"),
    Appointment.starts_at.label("present"),
    _OFFER.id.label("offer_id"),
    _OFFER.starts_at.label("offered_at"),
    _OFFER.expires_at,
    _OFFERED.full_name.label("offered_doctor"),
)


def list_waiting(actor: Actor, *, page: int = 1) -> Page[Any]:
    """Return who waits, the first to be asked first, with the offer that is open to them; two queries."""
    wanted = [WaitingEntry.state == WaitingState.WAITING, within_reach(actor, BOOK_FOR_PATIENTS)]
    total = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(WaitingEntry)
        .join(Patient, Patient.id == WaitingEntry.patient_id)
        .where(*wanted)
    )
    rows = db.session.execute(
        _joined()
        .where(*wanted)
        .order_by(Department.position, WaitingEntry.created_at, WaitingEntry.id)
        .limit(PER_PAGE)
        .offset(offset_of(page, PER_PAGE))
    ).all()
    record_access(
        actor,
        "waiting.list",
        subject_type="waiting_entry",
        subject_id=None,
        patient_ids=[row.patient_id for row in rows],
    )
    return Page(rows, max(page, 1), PER_PAGE, total or 0)


def list_own_waits(actor: Actor, patient_id: UUID) -> Sequence[Any]:
    """Return for what a patient waits, with the offer that is open to them."""
    rows = db.session.execute(
        _joined()
        .where(WaitingEntry.patient_id == patient_id, WaitingEntry.state == WaitingState.WAITING)
        .order_by(WaitingEntry.created_at)
        .limit(MOST_OWN)
    ).all()
    record_access(actor, "own.waiting", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return rows


def waits_for_earlier(appointment_id: UUID) -> bool:
    """Tell whether somebody waits for an earlier time of a visit."""
    query = sa.select(WaitingEntry.id).where(
        WaitingEntry.appointment_id == appointment_id, WaitingEntry.state == WaitingState.WAITING
    )
    return db.session.execute(query.limit(1)).first() is not None


def _joined() -> sa.Select[Any]:
    return (
        sa.select(*_COLUMNS)
        .join(Patient, Patient.id == WaitingEntry.patient_id)
        .join(Department, Department.id == WaitingEntry.department_id)
        .outerjoin(_WANTED, _WANTED.id == WaitingEntry.doctor_id)
        .outerjoin(Appointment, Appointment.id == WaitingEntry.appointment_id)
        .outerjoin(_OFFER, sa.and_(_OFFER.entry_id == WaitingEntry.id, _OFFER.state == OfferState.OPEN))
        .outerjoin(_OFFERED, _OFFERED.id == _OFFER.doctor_id)
    )
