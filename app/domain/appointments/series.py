"""A series: several visits of one patient at the same time of day, every so many weeks, booked together.

Either all of them are booked, or those for which there is a time; which are not is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, Text, VienError
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.access.reach import authorise, visiting
from app.domain.appointments.booking_turns import wait_for_turns
from app.domain.appointments.errors import OwnOverlap, SlotTaken
from app.domain.appointments.models import Appointment, AppointmentStatus, BookedVia
from app.domain.appointments.operations import book_appointment, cancel_appointment
from app.domain.appointments.queries import hospital_zone
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import BOOK_FOR_PATIENTS

MOST_VISITS = 26
MOST_WEEKS = 12


@dataclass(frozen=True, slots=True)
class Refused:
    """A visit of a series for which there is no time, and why."""

    starts_at: datetime
    why: Text


@dataclass(frozen=True, slots=True)
class Series:
    """What became of a series: the visits that are booked, and the times that were not to be had."""

    id: UUID
    booked: tuple[Appointment, ...]
    refused: tuple[Refused, ...]


class SeriesDoesNotFit(Conflict):
    """Some visits of a series are not to be had, so that none was booked."""

    title = _l("Not all visits of the series can be booked")
    default_message = _l("Nothing was booked. Choose another time, or book only the visits that fit.")

    def __init__(self, refused: tuple[Refused, ...]) -> None:
        super().__init__()
        self.refused = refused


def times_of(first: datetime, count: int, every_weeks: int) -> list[datetime]:
    """Return when the visits of a series begin: at one time of the hospital's clocks; raises InvalidValue."""
    if not 2 <= count <= MOST_VISITS:
        raise InvalidValue(_l("A series has 2 to %(most)s visits.", most=MOST_VISITS), field="count")
    if not 1 <= every_weeks <= MOST_WEEKS:
        raise InvalidValue(_l("Choose 1 to %(most)s weeks.", most=MOST_WEEKS), field="every_weeks")
    local = first.astimezone(hospital_zone())
    return [(local + timedelta(weeks=every_weeks * number)).astimezone(UTC) for number in range(count)]


def book_series(
    actor: Actor,
    *,
    patient_id: UUID,
    doctor_id: UUID,
    department_id: UUID,
    first: datetime,
    count: int,
    every_weeks: int,
    reason: str,
    type_id: UUID | None = None,
    only_fitting: bool = False,
) -> Series:
    """Book a series of visits to a doctor: all of them, or with `only_fitting` those for which there is a time.

    The patient is told of the first and reminded of each. Raises SeriesDoesNotFit, by which nothing is booked,
    InvalidValue for what was typed, or PatientHasDied.
    """
    times = times_of(first, count, every_weeks)
    wait_for_turns((doctor_id,), patient_id)
    series_id, booked, refused = new_id(), list[Appointment](), list[Refused]()
    with db.session.begin_nested():  # all or nothing, whatever the caller does with the error
        for starts_at in times:
            facts: dict[str, Any] = {"doctor_id": doctor_id, "department_id": department_id, "starts_at": starts_at}
            try:
                visit = book_appointment(
                    actor,
                    patient_id=patient_id,
                    **facts,
                    reason=reason,
                    via=BookedVia.DESK,
                    type_id=type_id,
                    series_id=series_id,
                    tell=not booked,
                    alternatives=False,
                )
                booked.append(visit)
            except VienError as error:
                if not _is_about_time(error):
                    raise
                refused.append(Refused(starts_at, error.message))
        if refused and not (only_fitting and booked):
            raise SeriesDoesNotFit(tuple(refused))
    return Series(series_id, tuple(booked), tuple(refused))


def _is_about_time(error: VienError) -> bool:
    """Tell whether another time would do, so that it concerns one visit of the series and not the whole."""
    if isinstance(error, InvalidValue):
        return error.field == "slot"
    return isinstance(error, SlotTaken | OwnOverlap)


def list_series(actor: Actor, appointment_id: UUID, patient_id: UUID, series_id: UUID) -> list[Any]:
    """Return the visits of a patient's series, the first one first, for a page that shows one of them."""
    query = (
        sa.select(
            Appointment.id,
            Appointment.code,
            Appointment.starts_at,
            Appointment.status,
            StaffUser.full_name.label("doctor_name"),
        )
        .join(StaffUser, StaffUser.id == Appointment.doctor_id)
        .where(Appointment.series_id == series_id, Appointment.patient_id == patient_id)
        .order_by(Appointment.starts_at)
        .limit(MOST_VISITS)
    )
    acting = authorise(actor, patient_id, visiting(actor))
    record_access(
        acting, "visit.series", subject_type="appointment", subject_id=appointment_id, patient_ids=[patient_id]
    )
    return list(db.session.execute(query).all())


def cancel_rest(actor: Actor, appointment_id: UUID, reason: str | None) -> int:
    """Cancel a visit of a series and those that come after it, as far as they have not begun; return how many."""
    row = db.session.execute(
        sa.select(Appointment.patient_id, Appointment.series_id, Appointment.starts_at).where(
            Appointment.id == appointment_id
        )
    ).one_or_none()
    if row is None or row.series_id is None:
        raise InvalidValue(_l("This visit belongs to no series."))
    authorise(actor, row.patient_id, BOOK_FOR_PATIENTS)
    query = sa.select(Appointment.id, Appointment.version).where(
        Appointment.series_id == row.series_id,
        Appointment.patient_id == row.patient_id,
        Appointment.starts_at >= row.starts_at,
        Appointment.starts_at > clock.now(),
        Appointment.status == AppointmentStatus.BOOKED,
    )
    rest = db.session.execute(query.order_by(Appointment.starts_at)).all()
    for visit_id, version in rest:
        cancel_appointment(actor, visit_id, reason, version)
    return len(rest)
