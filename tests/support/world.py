"""The same small world in both hospitals: identical ids, different words, so that an equal-id mistake shows."""

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
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.patients.models import AllergyState, PatientAllergy, Sex
from app.domain.prescriptions.models import Medicine, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import DiagnosisKind, MedicalRecord, RecordDiagnosis, RecordStatus, VitalSigns
from tests.factories import make_appointment, make_patient, make_patient_user, make_schedule
from tests.factories.people import PASSWORD, department_id
from tests.support.platform import ACTOR

ROLES = ("doctor", "nurse", "receptionist", "administrator")
CANARY = "KHONGDUOCLO"


def fixed_id(number: int) -> UUID:
    """Return an id that is the same in every hospital."""
    return UUID(int=0x01900000000070008000000000000000 + number)


@dataclass(frozen=True, slots=True)
class World:
    """The ids of the small world; `canary` is in every text of this hospital and in none of the other's."""

    code: str
    canary: str
    staff: dict[str, UUID]
    patient_id: UUID
    other_patient_id: UUID
    department_id: UUID
    booked_id: UUID
    arrived_id: UUID
    consulting_id: UUID
    signed_id: UUID
    draft_record_id: UUID
    signed_record_id: UUID
    diagnosis_id: UUID
    prescription_id: UUID
    item_id: UUID
    vital_signs_id: UUID
    allergy_id: UUID
    medicine_id: UUID
    cccd: str
    other_cccd: str


def build_world(code: str) -> World:
    """Fill the bound hospital; the ids are fixed, the words carry the hospital's canary."""
    canary = f"{CANARY}{code.upper()}"
    cccds = ("001180000011", "001080000012")
    staff = {role: _staff(role, fixed_id(number), canary) for number, role in enumerate(ROLES, start=1)}
    doctor = staff["doctor"]
    make_schedule(doctor)
    patient = make_patient(
        id=fixed_id(50), full_name=f"Bệnh {canary} Một", sex=Sex.FEMALE, cccd=cccds[0], phone="+84901234567",
        email=f"{canary.lower()}@example.vn", street=f"12 {canary}", allergy_state=AllergyState.KNOWN,
    )  # fmt: skip
    other = make_patient(id=fixed_id(51), full_name=f"Bệnh {canary} Hai", sex=Sex.MALE, cccd=cccds[1])
    for number, person in enumerate((patient, other)):
        make_patient_user(person, id=fixed_id(60 + number))
    allergy = PatientAllergy(id=fixed_id(70), patient_id=patient.id, substance=f"Penicillin {canary}")
    db.session.add(allergy)
    visits = _visits(doctor, patient.id, other.id, canary)
    signed, draft, diagnosis, prescription, item, medicine_id = _records(doctor, patient.id, visits, canary)
    vitals = VitalSigns(
        id=fixed_id(80), patient_id=patient.id, appointment_id=visits["signed"], measured_at=clock.now(),
        measured_by=staff["nurse"], temperature_c=Decimal("37.5"), pulse=80, systolic=120, diastolic=80, note=canary,
    )  # fmt: skip
    db.session.add(vitals)
    db.session.add(
        OutboundMessage(
            key=f"test:{canary}",
            channel=Channel.CONSOLE,
            template="confirmation",
            locale="vi",
            recipient=canary,
            patient_id=patient.id,
            subject=canary,
            body=canary,
            state=MessageState.SENT,
        )
    )
    record_access(ACTOR, "test.read", subject_type="patient", subject_id=patient.id, patient_ids=[patient.id])
    db.session.flush()
    return World(
        code=code, canary=canary, staff=staff, patient_id=patient.id, other_patient_id=other.id,
        department_id=department_id(), booked_id=visits["booked"], arrived_id=visits["arrived"],
        consulting_id=visits["consulting"], signed_id=visits["signed"], draft_record_id=draft,
        signed_record_id=signed, diagnosis_id=diagnosis, prescription_id=prescription, item_id=item,
        vital_signs_id=vitals.id, allergy_id=allergy.id, medicine_id=medicine_id, cccd=cccds[0], other_cccd=cccds[1],
    )  # fmt: skip


def _staff(role: str, staff_id: UUID, canary: str) -> UUID:
    """Make a member of staff under a fixed id, which the operation for people's use does not take."""
    db.session.add(
        StaffUser(
            id=staff_id,
            username=role,
            full_name=f"Nhân viên {canary} {role}",
            password_hash=hash_password(PASSWORD),
            department_id=department_id(),
            specialization=canary,
        )
    )
    db.session.flush()
    role_id = db.session.scalars(sa.select(Role.id).where(Role.code == role)).one()
    db.session.add(StaffRole(staff_id=staff_id, role_id=role_id))
    return staff_id


def _visits(doctor: UUID, patient: UUID, other: UUID, canary: str) -> dict[str, UUID]:
    start = clock.now().replace(minute=0, second=0, microsecond=0)
    states = {
        "signed": (-3, AppointmentStatus.COMPLETED, patient),
        "consulting": (-2, AppointmentStatus.IN_PROGRESS, patient),
        "arrived": (-1, AppointmentStatus.ARRIVED, other),
        "booked": (25, AppointmentStatus.BOOKED, patient),
    }
    return {
        name: make_appointment(
            id=fixed_id(100 + number), doctor_id=doctor, patient_id=who, starts_at=start + timedelta(hours=hours),
            status=status, reason=f"Lý do {canary}", arrived_at=clock.now() if hours < 0 else None,
        ).id
        for number, (name, (hours, status, who)) in enumerate(states.items())
    }  # fmt: skip


def _records(
    doctor: UUID, patient: UUID, visits: dict[str, UUID], canary: str
) -> tuple[UUID, UUID, UUID, UUID, UUID, UUID]:
    medicine = db.session.scalars(sa.select(Medicine).order_by(Medicine.code).limit(1)).one()
    made = []
    for number, visit in enumerate(("signed", "consulting")):
        record = MedicalRecord(
            id=fixed_id(200 + number), series_id=fixed_id(210 + number), patient_id=patient,
            appointment_id=visits[visit], doctor_id=doctor, complaint=canary, history=canary, assessment=canary,
            plan=canary,
        )  # fmt: skip
        db.session.add(record)
        db.session.flush()
        diagnosis = RecordDiagnosis(
            id=fixed_id(220 + number), record_id=record.id, code="J00", title=f"Viêm mũi họng {canary}",
            title_en=f"Nasopharyngitis {canary}", kind=DiagnosisKind.PRIMARY,
        )  # fmt: skip
        prescription = Prescription(
            id=fixed_id(230 + number), record_id=record.id, patient_id=patient, doctor_id=doctor
        )
        db.session.add_all([diagnosis, prescription])
        db.session.flush()
        item = PrescriptionItem(
            id=fixed_id(240 + number), prescription_id=prescription.id, medicine_id=medicine.id,
            medicine_name=f"{medicine.name} {canary}", strength=medicine.strength, unit=medicine.unit,
            route=medicine.route, dose_amount=Decimal(1), times_per_day=2, days=5, quantity=Decimal(10),
        )  # fmt: skip
        db.session.add(item)
        db.session.flush()
        made.append((record, diagnosis, prescription, item))
    record, _, prescription, _ = made[0]
    prescription.status, prescription.signed_at = PrescriptionStatus.SIGNED, clock.now()
    db.session.flush()
    record.status, record.is_current = RecordStatus.SIGNED, True
    record.signed_at, record.signed_by = clock.now(), doctor
    db.session.flush()
    return record.id, made[1][0].id, made[1][1].id, made[1][2].id, made[1][3].id, medicine.id
