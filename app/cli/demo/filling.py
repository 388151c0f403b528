"""Fills a bound, empty demo hospital: staff with hours, patients, visits, records, prescriptions, and their log.

Rows go in bulk, and everything is in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.cli.demo.accounts import DemoSecrets
from app.cli.demo.cast import DemoHospital
from app.cli.demo.documents import write_documents
from app.cli.demo.findings import Examiner, Row
from app.cli.demo.laboratory import write_laboratory
from app.cli.demo.log import write_log
from app.cli.demo.organisation import write_organisation
from app.cli.demo.people import Person, invent_patients
from app.cli.demo.prescribing import write_prescribing
from app.cli.demo.queue import write_tickets
from app.cli.demo.relations import write_relations
from app.cli.demo.signing import write_findings
from app.cli.demo.visits import Clinic, Planner, Visit
from app.core import clock
from app.core.actor import Actor
from app.core.crypto import Keyring
from app.core.db import db
from app.core.ids import new_id
from app.domain.appointments.models import Appointment, BookedVia, DoctorSchedule
from app.domain.appointments.slots import WeeklyHours
from app.domain.identity.models import PatientUser, Role, StaffRole, StaffUser
from app.domain.identity.totp import enrol
from app.domain.organisation.models import Department
from app.domain.patients.models import Patient, PatientAllergy
from app.domain.prescriptions.models import Medicine
from app.domain.reports.refreshing import refresh_view, view_names
from app.tenancy.binding import bound_hospital

MORNING_HOURS, AFTERNOON = 4, (time(13, 30), time(16, 30))
SATURDAY, SUNDAY = 5, 6
OPEN_ON_SUNDAY = "NOI"


def fill(hospital: DemoHospital, actor: Actor, secrets: DemoSecrets, keyring: Keyring) -> None:
    """Write the whole demo of a hospital; it must be bound and have no patients."""
    _lock()
    if db.session.scalar(sa.select(sa.exists().select_from(Patient))):
        return
    now, zone = clock.now(), ZoneInfo(bound_hospital().timezone)
    today = now.astimezone(zone).date()
    random = Random(f"{hospital.code}:visits:{hospital.seed}")  # noqa: S311 (nothing secret)

    staff = _write_staff(hospital, secrets, keyring, now)
    clinics = _write_hours(hospital, staff, today)
    people = invent_patients(hospital, now, today)
    _write_people(people, secrets)
    write_relations(people)
    visits = _plan(Planner(random, people[len(hospital.patients) :], now, zone), clinics, people, hospital)
    desks = [staff[person.username] for person in hospital.staff if person.role == "receptionist"]
    nurses = [staff[person.username] for person in hospital.staff if person.role == "nurse"]
    _write_visits(visits, random, desks)
    write_tickets(actor)
    found = Examiner(random, nurses, _medicines(), now).examine(visits)
    write_findings(found)
    doctors = [staff[person.username] for person in hospital.staff if person.role == "doctor"]
    write_prescribing(doctors, _medicines())
    technicians = [staff[person.username] for person in hospital.staff if person.role == "lab_technician"]
    write_laboratory(Random(f"{hospital.code}:laboratory"), visits, technicians, now)  # noqa: S311 (nothing secret)
    doctor = next(staff[person.username] for person in hospital.staff if person.role == "doctor")
    write_documents(people, doctor, now)
    write_log(actor, people, list(staff.values()), {"visits": len(visits), "records": len(found.records)})
    for view in view_names():
        refresh_view(view)


def _lock() -> None:
    """Let a second run at the same time wait for the first, and find its patients."""
    connection = db.session.connection(bind_arguments={"mapper": sa.inspect(Patient)})
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("demo"))))


def _write_staff(hospital: DemoHospital, secrets: DemoSecrets, keyring: Keyring, now: datetime) -> dict[str, UUID]:
    departments = _ids_by_code(Department)
    roles = _ids_by_code(Role)
    made: dict[str, UUID] = {}
    for number, person in enumerate(hospital.staff, start=1):
        account = StaffUser(
            id=new_id(),
            username=person.username,
            full_name=person.full_name,
            email=f"{person.username}@{hospital.code}.vien.example",
            department_id=departments[person.department] if person.department else None,
            specialization=person.specialization,
            licence_number=_licence(hospital, number) if person.department else None,
            password_hash=secrets.hash(secrets.staff_password),
            created_at=now - timedelta(days=800),
        )
        enrol(keyring, account, secrets.totp_secret(f"{hospital.code}/{person.username}"))
        db.session.add(account)
        made[person.username] = account.id
    db.session.flush()
    db.session.execute(
        sa.insert(StaffRole),
        [{"staff_id": made[person.username], "role_id": roles[person.role]} for person in hospital.staff],
    )
    return made


def _ids_by_code(model: type[Department] | type[Role]) -> dict[str, UUID]:
    return {row.code: row.id for row in db.session.execute(sa.select(model.code, model.id))}


def _licence(hospital: DemoHospital, number: int) -> str:
    return f"{hospital.seed * 7 + number * 613:06d}/{hospital.licence_place}-CCHN"


def _write_hours(hospital: DemoHospital, staff: dict[str, UUID], today: date) -> list[Clinic]:
    departments = _ids_by_code(Department)
    doctors = [person for person in hospital.staff if person.role == "doctor" and person.department]
    places = [(staff[person.username], departments[person.department or ""]) for person in doctors]
    rooms = write_organisation(places, today)
    clinics = []
    for person, (doctor_id, department_id) in zip(doctors, places, strict=True):
        weekly = _hours(hospital, person.department or "", person.slot_minutes, today - timedelta(days=60))
        hours = tuple(replace(each, room_id=rooms[doctor_id], overbook_max=1, id=new_id()) for each in weekly)
        clinics.append(Clinic(doctor_id, person.department or "", department_id, hours))
    rows = [
        {
            "doctor_id": clinic.doctor_id,
            "department_id": clinic.department_id,
            **{name: getattr(entry, name) for name in WeeklyHours.__slots__},
        }
        for clinic in clinics
        for entry in clinic.hours
    ]
    db.session.execute(sa.insert(DoctorSchedule), rows)
    return clinics


def _hours(hospital: DemoHospital, department: str, slot_minutes: int, since: date) -> list[WeeklyHours]:
    """Weekdays and Saturday morning; general medicine on Sunday morning too, so that no day is without a visit."""
    days = range(SUNDAY + 1) if department == OPEN_ON_SUNDAY else range(SUNDAY)
    noon = hospital.opens.replace(hour=hospital.opens.hour + MORNING_HOURS)
    mornings = [WeeklyHours(day, hospital.opens, noon, slot_minutes, since) for day in days]
    return mornings + [WeeklyHours(day, *AFTERNOON, slot_minutes, since) for day in range(SATURDAY)]


def _write_people(people: list[Person], secrets: DemoSecrets) -> None:
    columns = (
        "id", "full_name", "born_on", "sex", "cccd", "bhyt", "phone", "email", "province", "ward", "street",
        "allergy_state",
    )  # fmt: skip
    rows = [
        {name: getattr(person, name) for name in columns}
        | {"created_at": person.registered_at, "updated_at": person.registered_at}
        for person in people
    ]
    db.session.execute(sa.insert(Patient), rows)
    allergies = [
        {"id": new_id(), "patient_id": person.id, "substance": substance, "reaction": reaction}
        for person in people
        for substance, reaction, _medicines in person.allergies
    ]
    db.session.execute(sa.insert(PatientAllergy), allergies)
    password_hash = secrets.hash(secrets.patient_password)
    accounts = [
        {"id": new_id(), "patient_id": person.id, "password_hash": password_hash}
        for person in people
        if person.has_account
    ]
    db.session.execute(sa.insert(PatientUser), accounts)


def _plan(planner: Planner, clinics: list[Clinic], people: list[Person], hospital: DemoHospital) -> list[Visit]:
    """Plan everybody's visits; those who can sign in have some behind them and one ahead."""
    by_department = {clinic.department: clinic for clinic in clinics}
    wanted = (("NOI", -6), ("TMH", -3), ("NOI", 4)), (("TIM", -6), ("NOI", -2), ("TIM", 3))
    promised = [
        planner.promise(by_department[department], person, days)
        for person, visits in zip(people[: len(hospital.patients)], wanted, strict=False)
        for department, days in visits
    ]
    return planner.plan(clinics, [visit for visit in promised if visit is not None])


def _write_visits(visits: list[Visit], random: Random, desks: list[UUID]) -> None:
    rows = []
    for visit in visits:
        desk = random.choice(desks)
        by_patient = visit.person.has_account
        rows.append(
            {
                "id": visit.id,
                "patient_id": visit.person.id,
                "doctor_id": visit.clinic.doctor_id,
                "department_id": visit.clinic.department_id,
                "starts_at": visit.slot.start,
                "ends_at": visit.slot.end,
                "room_id": visit.clinic.hours[0].room_id,
                "status": visit.status,
                "reason": visit.case.reason,
                "booked_via": BookedVia.PATIENT_PORTAL if by_patient else BookedVia.DESK,
                "arrived_at": visit.arrived_at,
                "started_at": visit.started_at,
                "finished_at": visit.finished_at,
                "cancelled_at": visit.cancelled_at,
                "cancel_reason": visit.cancel_reason,
                "created_at": visit.booked_at,
                "updated_at": visit.changed_at,
                "created_by": None if by_patient else desk,
                "version": visit.steps + 1,
            }
        )
    db.session.execute(sa.insert(Appointment), rows)


def _medicines() -> dict[str, Row]:
    query = sa.select(
        Medicine.code,
        Medicine.id,
        Medicine.name,
        Medicine.strength,
        Medicine.unit,
        Medicine.route,
        Medicine.dose_unit,
        Medicine.package_content,
    )
    return {row.code: dict(row._mapping) for row in db.session.execute(query)}
