"""The same small world in every hospital: identical ids, different words, so that an equal-id mistake shows.

Every text of a hospital carries its canary, every text about a patient that patient's own, which begins with it. A
further `series` is the same world under other ids, beside the first: what only one hospital has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import AppointmentStatus
from app.domain.audit.operations import record_access
from app.domain.identity.models import Role, StaffRole, StaffUser
from app.domain.identity.passwords import hash_password
from app.domain.identity.permissions import ROLE_PRESETS
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.reminders import plan_reminders, queue_confirmation
from app.domain.patients.cccd import compose_cccd
from app.domain.patients.models import AllergyState, Patient, PatientAllergy, Sex
from app.domain.prescriptions.models import Medicine, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import DiagnosisKind, MedicalRecord, RecordDiagnosis, RecordStatus, VitalSigns
from tests.factories import make_appointment, make_patient, make_patient_user, make_schedule
from tests.factories.people import PASSWORD, department_id
from tests.support.fixed_ids import fixed_id
from tests.support.platform import ACTOR
from tests.support.world_access import (
    ALERT,
    BREACH,
    EMERGENCY,
    HOLD,
    LONG_WORK,
    PATIENT_PASSKEY,
    PATIENT_SESSION,
    REQUEST,
    SCHEDULE,
    build_access_of_hospital,
    build_access_of_patient,
)
from tests.support.world_documents import DOCUMENT, build_documents_of_patient
from tests.support.world_laboratory import build_laboratory_of_patient, catalogue_ids, laboratory_ids
from tests.support.world_organisation import build_organisation
from tests.support.world_prescribing import build_override, build_prescribing
from tests.support.world_queue import NOTICE, SCREEN, TICKET, build_queue_of_hospital, build_queue_of_patient
from tests.support.world_records import PROBLEM, build_problem_of_patient, build_templates
from tests.support.world_relations import RELATION, build_relations_of_patient
from tests.support.world_waiting import OFFER, REMINDER, WAIT, build_waiting_of_patient

ROLES = tuple(ROLE_PRESETS)
CANARY = "KHONGDUOCLO"
DEPARTMENTS = ("NOI", "NGOAI")
VISITS = {
    "signed": (-3, AppointmentStatus.COMPLETED),
    "consulting": (-2, AppointmentStatus.IN_PROGRESS),
    "arrived": (-1, AppointmentStatus.ARRIVED),
    "booked": (23, AppointmentStatus.BOOKED),
}


@dataclass(frozen=True, slots=True)
class Belongings:
    """One patient with everything that is theirs: the ids, and the words by which it is known again."""

    canary: str
    patient_id: UUID
    account_id: UUID
    cccd: str
    phone: str
    visits: dict[str, UUID]
    signed_record_id: UUID
    draft_record_id: UUID
    diagnosis_id: UUID
    prescription_id: UUID
    item_id: UUID
    vital_signs_id: UUID
    allergy_id: UUID
    message_id: UUID
    request_id: UUID
    emergency_id: UUID
    hold_id: UUID
    session_id: UUID
    passkey_id: UUID
    ticket_id: UUID
    reminder_id: UUID
    entry_id: UUID
    offer_id: UUID
    document_id: UUID
    relation_id: UUID
    condition_id: UUID
    laboratory: dict[str, UUID]


@dataclass(frozen=True, slots=True)
class World:
    """The ids of the small world; `canary` is in every text of this hospital and in none of another's.

    The first patient is the doctor's; the second one is treated by the other doctor, in another department.
    """

    code: str
    canary: str
    series: int
    staff: dict[str, UUID]
    patient: Belongings
    other: Belongings
    department_id: UUID
    medicine_id: UUID
    role_id: UUID
    rule_id: UUID
    alert_id: UUID
    breach_id: UUID
    work_id: UUID
    screen_id: UUID
    notice_id: UUID
    schedule_id: UUID
    catalogue: dict[str, UUID]


def build_world(code: str, series: int = 0) -> World:
    """Fill the bound hospital; the ids are fixed, the words carry the hospital's canary."""
    canary = f"{CANARY}{code.upper()}"
    names = [*ROLES, "other doctor"] if series == 0 else ["doctor", "other doctor"]
    staff = {name: _staff(name, number, canary, series) for number, name in enumerate(names, start=1)}
    doctors = (staff["doctor"], staff["other doctor"])
    for doctor, department in zip(doctors, DEPARTMENTS, strict=True):
        make_schedule(doctor, department=department)
    nurse = staff.get("nurse", staff["doctor"])
    first, second = (_patient(which, doctors, nurse, canary, series) for which in (0, 1))
    rule_id = build_access_of_hospital(lambda number: fixed_id(number, series), doctors[0], first.patient_id, canary)
    build_queue_of_hospital(lambda number: fixed_id(number, series), doctors[0], first.visits["arrived"], canary)
    build_prescribing(lambda number: fixed_id(number, series), doctors[0], _medicine().id, canary)
    build_templates(lambda number: fixed_id(number, series), doctors[0], canary, series)
    build_organisation(lambda number: fixed_id(number, series), doctors[0], canary, series)
    return World(
        code=code, canary=canary, series=series, staff=staff, patient=first, other=second,
        department_id=department_id(), medicine_id=_medicine().id, role_id=_role_id("nurse"), rule_id=rule_id,
        alert_id=fixed_id(ALERT, series), breach_id=fixed_id(BREACH, series), schedule_id=fixed_id(SCHEDULE, series),
        work_id=fixed_id(LONG_WORK, series),
        screen_id=fixed_id(SCREEN, series), notice_id=fixed_id(NOTICE, series), catalogue=catalogue_ids(),
    )  # fmt: skip


def _staff(name: str, number: int, canary: str, series: int) -> UUID:
    """Make a member of staff under a fixed id, which the operation for people's use does not take."""
    role = name.rsplit(maxsplit=1)[-1]
    person = StaffUser(
        id=fixed_id(number, series),
        username=(name if series == 0 else f"{name}.{series}").replace(" ", "."),
        full_name=f"Nhân viên {canary} {name}",
        password_hash=hash_password(PASSWORD),
        department_id=department_id(DEPARTMENTS[name.startswith("other")]),
        specialization=canary,
    )
    db.session.add(person)
    db.session.flush()
    db.session.add(StaffRole(staff_id=person.id, role_id=_role_id(role)))
    return person.id


def _role_id(code: str) -> UUID:
    return db.session.scalars(sa.select(Role.id).where(Role.code == code)).one()


def _patient(which: int, doctors: tuple[UUID, UUID], nurse: UUID, canary: str, series: int) -> Belongings:
    """Make a patient with visits in every state, records, a prescription, vital signs, a message, and a reader."""
    doctor, elsewhere = doctors[which], doctors[1 - which]
    base, word = 100 * (which + 1), canary + (str(series) if series else "") + ("MOT", "HAI")[which]
    sex = (Sex.FEMALE, Sex.MALE)[which]
    number = 500_011 + which + 10 * series + (sum(canary.encode()) * 100 if which else 0)
    patient = make_patient(
        id=fixed_id(base, series), full_name=f"Bệnh {word}", sex=sex, cccd=compose_cccd("001", sex, 1980, number),
        phone=f"+8490{number:07d}", email=f"{word.lower()}@example.vn", street=f"12 {word}",
        allergy_state=AllergyState.KNOWN,
    )  # fmt: skip
    account = make_patient_user(patient, id=fixed_id(base + 1, series))
    allergy = PatientAllergy(id=fixed_id(base + 2, series), patient_id=patient.id, substance=f"Penicillin {word}")
    visits = _visits(doctor, patient.id, DEPARTMENTS[which], word, base, series)
    vitals = VitalSigns(
        id=fixed_id(base + 3, series), patient_id=patient.id, appointment_id=visits["signed"], measured_at=clock.now(),
        measured_by=doctor if which else nurse, temperature_c=Decimal("37.5"), pulse=80, systolic=120,
        diastolic=80, note=word,
    )  # fmt: skip
    message = OutboundMessage(
        id=fixed_id(base + 4, series), key=f"test:{base}.{series}", channel=Channel.CONSOLE, template="confirmation",
        locale="vi", recipient=word, patient_id=patient.id, subject="Xác nhận lịch khám", body=word,
        state=MessageState.QUEUED, next_attempt_at=clock.now(),
    )  # fmt: skip
    db.session.add_all([allergy, vitals, message])
    db.session.flush()
    signed, draft = (_record(doctor, patient, visits[visit], word, base + 20 + 10 * number, series)
                     for number, visit in enumerate(("signed", "consulting")))  # fmt: skip
    build_override(lambda number: fixed_id(base + number, series), signed[2].id, word)
    _sign(signed)
    build_access_of_patient(lambda number: fixed_id(base + number, series), patient.id, account.id, elsewhere, word)
    build_queue_of_patient(
        lambda number: fixed_id(base + number, series), patient.id, visits["arrived"],
        department_id(DEPARTMENTS[which]), 1 + series,
    )  # fmt: skip
    build_waiting_of_patient(lambda number: fixed_id(base + number, series), visits["booked"])
    build_documents_of_patient(lambda number: fixed_id(base + number, series), patient.id, doctor, word)
    build_relations_of_patient(lambda number: fixed_id(base + number, series), patient.id, word)
    build_problem_of_patient(lambda number: fixed_id(base + number, series), patient.id, doctor, word)
    build_laboratory_of_patient(
        lambda number: fixed_id(base + number, series), patient.id, visits["consulting"], doctor, word
    )
    record_access(ACTOR, "test.read", subject_type="patient", subject_id=patient.id, patient_ids=[patient.id])
    return Belongings(
        canary=word, patient_id=patient.id, account_id=account.id, cccd=patient.cccd or "", phone=patient.phone or "",
        visits=visits, signed_record_id=signed[0].id, draft_record_id=draft[0].id, diagnosis_id=draft[1].id,
        prescription_id=signed[2].id, item_id=draft[3].id, vital_signs_id=vitals.id, allergy_id=allergy.id,
        message_id=message.id, request_id=fixed_id(base + REQUEST, series), hold_id=fixed_id(base + HOLD, series),
        emergency_id=fixed_id(base + EMERGENCY, series), session_id=fixed_id(base + PATIENT_SESSION, series),
        passkey_id=fixed_id(base + PATIENT_PASSKEY, series), ticket_id=fixed_id(base + TICKET, series),
        reminder_id=fixed_id(base + REMINDER, series), entry_id=fixed_id(base + WAIT, series),
        offer_id=fixed_id(base + OFFER, series), document_id=fixed_id(base + DOCUMENT, series),
        relation_id=fixed_id(base + RELATION, series),
        condition_id=fixed_id(base + PROBLEM, series),
        laboratory=laboratory_ids(lambda number: fixed_id(base + number, series)),
    )  # fmt: skip


def _visits(doctor: UUID, patient: UUID, department: str, word: str, base: int, series: int) -> dict[str, UUID]:
    start = clock.now().replace(minute=0, second=0, microsecond=0)
    made = {
        name: make_appointment(
            id=fixed_id(base + 10 + number, series), doctor_id=doctor, patient_id=patient, status=status,
            department_id=department_id(department), starts_at=start + timedelta(hours=hours),
            reason=f"Lý do {word}", arrived_at=clock.now() if hours < 0 else None,
        )
        for number, (name, (hours, status)) in enumerate(VISITS.items())
    }  # fmt: skip
    plan_reminders(ACTOR, made["booked"], db.session.get_one(Patient, patient))
    queue_confirmation(ACTOR, made["booked"], db.session.get_one(Patient, patient))
    return {name: appointment.id for name, appointment in made.items()}


Record = tuple[MedicalRecord, RecordDiagnosis, Prescription, PrescriptionItem]


def _record(doctor: UUID, patient: Patient, visit: UUID, word: str, base: int, series: int) -> Record:
    """Make the draft of a record with a diagnosis and a prescribed medicine."""
    record = MedicalRecord(
        id=fixed_id(base, series), series_id=fixed_id(base + 1, series), patient_id=patient.id, appointment_id=visit,
        doctor_id=doctor, complaint=word, history=word, assessment=word, plan=word,
    )  # fmt: skip
    db.session.add(record)
    db.session.flush()
    diagnosis = RecordDiagnosis(
        id=fixed_id(base + 2, series), record_id=record.id, code="J00", title=f"Viêm mũi họng {word}",
        title_en=f"Nasopharyngitis {word}", kind=DiagnosisKind.PRIMARY,
    )  # fmt: skip
    prescription = Prescription(
        id=fixed_id(base + 3, series), record_id=record.id, patient_id=patient.id, doctor_id=doctor
    )
    db.session.add_all([diagnosis, prescription])
    db.session.flush()
    medicine = _medicine()
    item = PrescriptionItem(
        id=fixed_id(base + 4, series), prescription_id=prescription.id, medicine_id=medicine.id,
        medicine_name=f"{medicine.name} {word}", strength=medicine.strength, unit=medicine.unit, route=medicine.route,
        dose_amount=Decimal(1), times_per_day=2, days=5, quantity=Decimal(10),
    )  # fmt: skip
    db.session.add(item)
    db.session.flush()
    return record, diagnosis, prescription, item


def _sign(made: Record) -> None:
    record, _, prescription, _ = made
    prescription.status, prescription.signed_at = PrescriptionStatus.SIGNED, clock.now()
    db.session.flush()
    record.status, record.is_current = RecordStatus.SIGNED, True
    record.signed_at, record.signed_by = clock.now(), record.doctor_id
    db.session.flush()


def _medicine() -> Medicine:
    return db.session.scalars(sa.select(Medicine).order_by(Medicine.code).limit(1)).one()
