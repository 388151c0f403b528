"""Exports of patients and of visits: what the asker's roles open, in parts that are encrypted as they are made.

Each part and the access log of everybody in it count together; what a dead worker left of a part is destroyed before
it is made again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue, Text
from app.core.formats.dates import format_date, format_datetime
from app.core.formats.phones import format_phone
from app.core.formats.tables import csv_lines, json_lines
from app.core.i18n import _l
from app.core.permissions import Permission
from app.core.unit_of_work import unit_of_work
from app.domain.access.fields import ADDRESS, BHYT, CCCD, EMAIL, PHONE, REASON, ProtectedField, may_read
from app.domain.access.reach import within_reach
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.operations import record_access
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import EXPORT_APPOINTMENTS, EXPORT_PATIENTS
from app.domain.longwork.keeping import destroy_files
from app.domain.longwork.kinds import long_work
from app.domain.longwork.models import FilePurpose
from app.domain.longwork.performing import Work
from app.domain.organisation.models import Department
from app.domain.patients.models import Confidentiality, Patient, Sex
from app.tenancy.binding import bound_hospital

PATIENTS, APPOINTMENTS = "patients.export", "appointments.export"
FORMS = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
PART = 2_000
LONGEST_PERIOD = timedelta(days=3 * 366)
SEXES: dict[Sex, Text] = {Sex.MALE: _l("Male"), Sex.FEMALE: _l("Female"), Sex.OTHER: _l("Other")}
STATUSES: dict[AppointmentStatus, Text] = {
    AppointmentStatus.BOOKED: _l("Expected"),
    AppointmentStatus.ARRIVED: _l("Waiting"),
    AppointmentStatus.IN_PROGRESS: _l("In consultation"),
    AppointmentStatus.COMPLETED: _l("Done"),
    AppointmentStatus.CANCELLED: _l("Cancelled"),
    AppointmentStatus.NO_SHOW: _l("Did not come"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column of an export: its name for programs, its title for people, and the field that closes it."""

    name: str
    title: Text
    column: Any
    closed_by: ProtectedField | None = None
    for_people: Callable[[Any], Any] | None = None


PATIENT_FIELDS = (
    Field("code", _l("Patient code"), Patient.code),
    Field("full_name", _l("Full name"), Patient.full_name),
    Field("born_on", _l("Date of birth"), Patient.born_on, None, format_date),
    Field("sex", _l("Sex"), Patient.sex, None, lambda sex: SEXES[sex]),
    Field("cccd", _l("CCCD number"), Patient.cccd, CCCD),
    Field("bhyt", _l("Health insurance (BHYT)"), Patient.bhyt, BHYT),
    Field("phone", _l("Phone"), Patient.phone, PHONE, format_phone),
    Field("email", _l("E-mail"), Patient.email, EMAIL),
    Field("province", _l("Province or city"), Patient.province, ADDRESS),
    Field("ward", _l("Ward or commune"), Patient.ward, ADDRESS),
    Field("street", _l("House number and street"), Patient.street, ADDRESS),
)
APPOINTMENT_FIELDS = (
    Field("code", _l("Visit code"), Appointment.code),
    Field("starts_at", _l("Time"), Appointment.starts_at, None, lambda at: format_datetime(at, _zone())),
    Field("ends_at", _l("Until"), Appointment.ends_at, None, lambda at: format_datetime(at, _zone())),
    Field("department", _l("Department"), Department.name.label("department")),
    Field("doctor", _l("Doctor"), StaffUser.full_name.label("doctor")),
    Field("status", _l("State"), Appointment.status, None, lambda status: STATUSES[status]),
    Field("patient_code", _l("Patient code"), Patient.code.label("patient_code")),
    Field("patient", _l("Full name"), Patient.full_name.label("patient")),
    Field("phone", _l("Phone"), Patient.phone, PHONE, format_phone),
    Field("reason", _l("Reason for visit"), Appointment.reason, REASON),
)


@long_work(PATIENTS, title=_l("Export of patients"), permission=EXPORT_PATIENTS)
def export_patients(work: Work) -> dict[str, Any]:
    """Write everybody within the asker's reach, in the order in which they were registered."""
    within = sa.and_(Patient.deleted_at.is_(None), _reach(work.actor, EXPORT_PATIENTS))
    with unit_of_work() as session:
        everybody = session.scalar(sa.select(sa.func.count(Patient.id)).where(Patient.deleted_at.is_(None))) or 0
        work.total = session.scalar(sa.select(sa.func.count(Patient.id)).where(within)) or 0
    fields = open_fields(work.actor, PATIENT_FIELDS)

    def read(after: list[str] | None) -> Sequence[Any]:
        query = sa.select(Patient.id, Patient.id.label("patient_id"), *(field.column for field in fields)).where(within)
        if after:
            query = query.where(Patient.id > UUID(after[0]))
        return db.session.execute(query.order_by(Patient.id).limit(PART)).all()

    _write_parts(work, fields, read, lambda row: [str(row[0])])
    return {"patients": work.done, "left_out": max(everybody - work.total, 0)}


@long_work(APPOINTMENTS, title=_l("Export of visits"), permission=EXPORT_APPOINTMENTS)
def export_appointments(work: Work) -> dict[str, Any]:
    """Write the visits of a period to patients within the asker's reach, in the order of time."""
    since, until = moments(date.fromisoformat(work.arguments["since"]), date.fromisoformat(work.arguments["until"]))
    within = sa.and_(
        Appointment.starts_at >= since,
        Appointment.starts_at < until,
        Patient.deleted_at.is_(None),
        _reach(work.actor, EXPORT_APPOINTMENTS),
    )
    joined = sa.join(Appointment, Patient, Patient.id == Appointment.patient_id)
    with unit_of_work() as session:
        work.total = session.scalar(sa.select(sa.func.count(Appointment.id)).select_from(joined).where(within)) or 0
    fields = open_fields(work.actor, APPOINTMENT_FIELDS)

    def read(after: list[str] | None) -> Sequence[Any]:
        query = (
            sa.select(
                Appointment.id, Appointment.patient_id, Appointment.starts_at.label("_at"),
                *(field.column for field in fields),
            )
            .select_from(joined)
            .join(Department, Department.id == Appointment.department_id)
            .join(StaffUser, StaffUser.id == Appointment.doctor_id)
            .where(within)
        )  # fmt: skip
        if after:
            place = (datetime.fromisoformat(after[0]), UUID(after[1]))
            query = query.where(sa.tuple_(Appointment.starts_at, Appointment.id) > place)
        return db.session.execute(query.order_by(Appointment.starts_at, Appointment.id).limit(PART)).all()

    _write_parts(work, fields, read, lambda row: [row[2].isoformat(), str(row[0])])
    return {"appointments": work.done}


def check_form(form: str) -> str:
    """Return the name of a form in which exports are written; raises InvalidValue."""
    if form not in FORMS:
        raise InvalidValue(_l("Choose CSV or JSON Lines."), field="form")
    return form


def check_period(since: date, until: date) -> dict[str, str]:
    """Return a period as an export keeps it; raises InvalidValue for one that is none, or too long."""
    if until < since:
        raise InvalidValue(_l("The period ends before it begins."), field="until")
    if until - since > LONGEST_PERIOD:
        raise InvalidValue(_l("Choose a period of three years at most."), field="until")
    return {"since": since.isoformat(), "until": until.isoformat()}


def moments(since: date, until: date) -> tuple[datetime, datetime]:
    """Return the moments in which the hospital's days begin and are over, both days included."""
    zone = _zone()
    begins = datetime.combine(since, time(), zone)
    return begins.astimezone(UTC), datetime.combine(until + timedelta(days=1), time(), zone).astimezone(UTC)


def open_fields(actor: Actor, fields: Sequence[Field]) -> list[Field]:
    """Return the columns that the actor may read."""
    return [field for field in fields if field.closed_by is None or may_read(actor, field.closed_by.code)]


def _reach(actor: Actor, permission: Permission) -> sa.ColumnElement[bool]:
    """Return whom an export may carry; the command line, which treats nobody, leaves confidential patients out."""
    if actor.kind is ActorKind.SYSTEM:
        return Patient.confidentiality == Confidentiality.NORMAL
    return within_reach(actor, permission)


def _write_parts(
    work: Work,
    fields: Sequence[Field],
    read: Callable[[list[str] | None], Sequence[Any]],
    place_of: Callable[[Any], list[str]],
) -> None:
    with unit_of_work():
        destroy_files(work.id, FilePurpose.RESULT, from_number=work.checkpoint.get("parts", 0))
    while True:
        with unit_of_work():
            rows = read(work.checkpoint.get("after"))
        number = work.checkpoint.get("parts", 0)
        if not rows and number:
            return
        _write_part(work, fields, rows, number)
        with work.batch():
            seen = list(dict.fromkeys(row.patient_id for row in rows))
            record_access(work.actor, work.kind.name, subject_type="long_work", subject_id=work.id, patient_ids=seen)
            work.done += len(rows)
            work.checkpoint = {"parts": number + 1, "after": place_of(rows[-1]) if rows else None}
        if len(rows) < PART:
            return


def _write_part(work: Work, fields: Sequence[Field], rows: Sequence[Any], number: int) -> None:
    form = work.arguments["form"]
    with io.BytesIO() as content:
        for line in _lines(fields, rows, form, is_first=number == 0):
            content.write(line.encode())
        name = f"{work.kind.name.partition('.')[0]}.{form}"
        work.keep_file(FilePurpose.RESULT, number, name, FORMS[form], content)


def _lines(fields: Sequence[Field], rows: Sequence[Any], form: str, *, is_first: bool) -> Iterator[str]:
    if form == "jsonl":
        return json_lines({field.name: _plain(getattr(row, field.name)) for field in fields} for row in rows)
    titles = [str(field.title) for field in fields]
    named = (
        {title: _said(field, getattr(row, field.name)) for title, field in zip(titles, fields, strict=True)}
        for row in rows
    )
    return islice(csv_lines(titles, named), 0 if is_first else 1, None)


def _said(field: Field, value: Any) -> Any:
    return value if value is None or field.for_people is None else field.for_people(value)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def _zone() -> ZoneInfo:
    return ZoneInfo(bound_hospital().timezone)
