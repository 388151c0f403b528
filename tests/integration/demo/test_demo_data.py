"""What the demo hospitals are filled with could have come about by people using the platform."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.cli.demo.people import ALLERGIES
from app.core.formats.dates import years_between
from app.core.formats.phones import parse_phone
from app.core.formats.provinces import provinces
from app.domain.appointments.models import Appointment, AppointmentStatus, DoctorSchedule
from app.domain.appointments.slots import WeeklyHours, slots_of_day
from app.domain.audit.models import AuditEntry, OutboxEvent
from app.domain.identity.models import Role, StaffRole, StaffUser
from app.domain.laboratory.models import ItemStatus, LabOrderItem, LabReport
from app.domain.organisation.models import HospitalInfo
from app.domain.patients.bhyt import BhytFormat, parse_bhyt
from app.domain.patients.cccd import parse_cccd
from app.domain.patients.models import AllergyState, Patient, PatientAllergy
from app.domain.patients.rules import PatientDetails, check_details
from app.domain.prescriptions.models import Medicine, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import DiagnosisKind, MedicalRecord, RecordDiagnosis, RecordStatus, VitalSigns
from app.domain.records.vital_ranges import VitalSign, check_blood_pressure, check_plausible
from tests.integration.demo.conftest import DEMO_CODES, Demo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
pytestmark = pytest.mark.parametrize("code", DEMO_CODES)


def patients(demo: Demo, code: str) -> list[Patient]:
    with demo.inside(code) as session:
        found = list(session.scalars(sa.select(Patient).order_by(Patient.code)))
        session.expunge_all()
        return found


def visits(demo: Demo, code: str) -> list[Appointment]:
    with demo.inside(code) as session:
        found = list(session.scalars(sa.select(Appointment).order_by(Appointment.starts_at)))
        session.expunge_all()
        return found


def test_the_hospital_says_of_itself_that_it_is_a_demo(demo: Demo, code: str) -> None:
    [(name, is_demo)] = demo.rows(code, sa.select(HospitalInfo.name, HospitalInfo.is_demo))
    assert is_demo
    assert name.endswith("(dữ liệu mẫu)")


def test_it_has_the_staff_of_a_small_hospital(demo: Demo, code: str) -> None:
    query = sa.select(Role.code).join(StaffRole, StaffRole.role_id == Role.id)
    assert Counter(row[0] for row in demo.rows(code, query)) == {
        "doctor": 6, "nurse": 2, "receptionist": 2, "lab_technician": 2, "administrator": 1,
    }  # fmt: skip


def test_every_doctor_has_hours_on_weekdays_and_saturday_morning(demo: Demo, code: str) -> None:
    query = sa.select(DoctorSchedule.doctor_id, DoctorSchedule.weekday, DoctorSchedule.slot_minutes)
    days: dict[object, set[int]] = {}
    for doctor_id, weekday, slot_minutes in demo.rows(code, query):
        days.setdefault(doctor_id, set()).add(weekday)
        assert 20 <= slot_minutes <= 30
    assert len(days) == 6
    assert all(set(range(6)) <= weekdays for weekdays in days.values())


def test_200_patients_would_each_be_accepted_at_the_desk(demo: Demo, code: str) -> None:
    today = demo.made_at.astimezone(ZONE).date()
    found = patients(demo, code)
    assert len(found) == 200
    for patient in found:
        names = [name for name in PatientDetails.__slots__ if name not in ("allergies", "allergy_state")]
        details = PatientDetails(**{name: getattr(patient, name) for name in names})
        assert check_details(details, today) == details


def test_every_cccd_agrees_with_sex_and_birth_date(demo: Demo, code: str) -> None:
    numbers = [(p.cccd, p.sex, p.born_on) for p in patients(demo, code) if p.cccd]
    assert len(numbers) > 190
    for cccd, sex, born_on in numbers:
        assert parse_cccd(cccd, sex=sex, birth_date=born_on).number == cccd


def test_insurance_numbers_come_in_every_format(demo: Demo, code: str) -> None:
    formats = Counter(parse_bhyt(p.bhyt).format for p in patients(demo, code) if p.bhyt)
    assert set(formats) == set(BhytFormat)


def test_phones_are_vietnamese_and_addresses_of_2025(demo: Demo, code: str) -> None:
    for patient in patients(demo, code):
        assert patient.phone
        assert parse_phone(patient.phone) == patient.phone
        assert patient.province in provinces().values()
        assert patient.ward


def test_people_of_all_ages_come(demo: Demo, code: str) -> None:
    today = demo.made_at.astimezone(ZONE).date()
    ages = [years_between(p.born_on, today) for p in patients(demo, code)]
    assert min(ages) < 3
    assert 80 <= max(ages) <= 96
    assert all(sum(low <= age < low + 15 for age in ages) >= 10 for low in (0, 15, 30, 45, 60))


def test_allergies_are_recorded_in_all_three_states(demo: Demo, code: str) -> None:
    found = patients(demo, code)
    assert set(Counter(p.allergy_state for p in found)) == set(AllergyState)
    with_allergies = {row[0] for row in demo.rows(code, sa.select(PatientAllergy.patient_id))}
    assert with_allergies == {p.id for p in found if p.allergy_state is AllergyState.KNOWN}


def test_visits_lie_in_their_doctors_slots_over_three_weeks(demo: Demo, code: str) -> None:
    columns = [getattr(DoctorSchedule, name) for name in WeeklyHours.__slots__]
    hours: dict[object, list[WeeklyHours]] = {}
    for doctor_id, *facts in demo.rows(code, sa.select(DoctorSchedule.doctor_id, *columns)):
        hours.setdefault(doctor_id, []).append(WeeklyHours(*facts))
    found = visits(demo, code)
    for visit in found:
        day = visit.starts_at.astimezone(ZONE).date()
        assert (visit.starts_at, visit.ends_at) in [
            (slot.start, slot.end) for slot in slots_of_day(hours[visit.doctor_id], day)
        ]
    assert found[-1].starts_at - found[0].starts_at > timedelta(days=17)


def test_nobody_is_in_two_places(demo: Demo, code: str) -> None:
    standing = [
        v for v in visits(demo, code) if v.status not in (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
    ]
    for whose in ("doctor_id", "patient_id"):
        latest: dict[object, object] = {}
        for visit in standing:
            assert latest.get(getattr(visit, whose), visit.starts_at) <= visit.starts_at  # type: ignore[operator]
            latest[getattr(visit, whose)] = visit.ends_at


def test_what_happened_happened_in_order_and_before_now(demo: Demo, code: str) -> None:
    now = demo.made_at
    for visit in visits(demo, code):
        steps = [visit.created_at, visit.arrived_at, visit.started_at, visit.finished_at, now]
        known = [moment for moment in steps if moment]
        assert known == sorted(known), visit.code
        assert (visit.finished_at is not None) == (visit.status is AppointmentStatus.COMPLETED)
        assert (visit.cancelled_at is not None) == (visit.status is AppointmentStatus.CANCELLED)
        assert visit.cancelled_at is None or visit.created_at < visit.cancelled_at <= now
        if visit.ends_at < now - timedelta(minutes=1) and visit.starts_at.date() < now.date() - timedelta(days=1):
            assert visit.status in ("completed", "no_show", "cancelled")


def test_every_completed_visit_has_a_signed_record_with_a_primary_diagnosis(demo: Demo, code: str) -> None:
    completed = {v.id for v in visits(demo, code) if v.status is AppointmentStatus.COMPLETED}
    query = sa.select(MedicalRecord.appointment_id, MedicalRecord.status, MedicalRecord.is_current)
    signed = demo.rows(code, query.where(MedicalRecord.status != RecordStatus.DRAFT))
    assert {row.appointment_id for row in signed if row.is_current} == completed
    primary = sa.select(RecordDiagnosis.record_id).where(RecordDiagnosis.kind == DiagnosisKind.PRIMARY)
    assert len(demo.rows(code, primary)) == len(signed)


def test_who_is_inside_has_an_open_record_and_nobody_else(demo: Demo, code: str) -> None:
    inside = {v.id for v in visits(demo, code) if v.status is AppointmentStatus.IN_PROGRESS}
    query = sa.select(MedicalRecord.appointment_id).where(MedicalRecord.status == RecordStatus.DRAFT)
    assert {row[0] for row in demo.rows(code, query)} == inside


def test_some_records_were_amended_for_a_reason(demo: Demo, code: str) -> None:
    query = sa.select(MedicalRecord.amendment_reason, MedicalRecord.signed_at).where(MedicalRecord.number == 2)
    amended = demo.rows(code, query)
    assert len(amended) >= 5
    assert all(row.amendment_reason and row.signed_at < demo.made_at for row in amended)


def test_diagnoses_fit_the_department(demo: Demo, code: str) -> None:
    query = (
        sa.select(StaffUser.specialization, RecordDiagnosis.code)
        .join(MedicalRecord, MedicalRecord.id == RecordDiagnosis.record_id)
        .join(StaffUser, StaffUser.id == MedicalRecord.doctor_id)
    )
    found: dict[str, set[str]] = {}
    for specialization, diagnosis in demo.rows(code, query):
        found.setdefault(specialization, set()).add(diagnosis[0])
    assert found["Sản phụ khoa"] <= set("ZBNDO")
    assert found["Tim mạch"] <= set("IER")


def test_prescriptions_are_signed_and_hold_one_to_four_medicines(demo: Demo, code: str) -> None:
    signed = demo.rows(code, sa.select(Prescription.id, Prescription.status))
    assert {row.status for row in signed} == {PrescriptionStatus.SIGNED}
    items = Counter(row[0] for row in demo.rows(code, sa.select(PrescriptionItem.prescription_id)))
    assert set(items) == {row.id for row in signed}
    assert set(items.values()) <= {1, 2, 3, 4}


def test_nobody_is_prescribed_what_they_are_allergic_to(demo: Demo, code: str) -> None:
    forbidden = {substance: medicines for substance, _reaction, medicines in ALLERGIES}
    query = (
        sa.select(PatientAllergy.substance, Medicine.code)
        .join(Prescription, Prescription.patient_id == PatientAllergy.patient_id)
        .join(PrescriptionItem, PrescriptionItem.prescription_id == Prescription.id)
        .join(Medicine, Medicine.id == PrescriptionItem.medicine_id)
    )
    pairs = demo.rows(code, query)
    assert pairs
    assert not [pair for pair in pairs if pair[1] in forbidden[pair[0]]]


def test_measurements_are_plausible_and_taken_while_the_patient_waits(demo: Demo, code: str) -> None:
    with demo.inside(code) as session:
        query = sa.select(VitalSigns, Appointment).join(Appointment, Appointment.id == VitalSigns.appointment_id)
        measured = session.execute(query).all()
        assert len(measured) > 200
        for vitals, visit in measured:
            for sign in VitalSign:
                value = getattr(vitals, sign.value)
                assert value is None or check_plausible(sign, value) == value
            check_blood_pressure(vitals.systolic, vitals.diastolic)
            assert visit.arrived_at <= vitals.measured_at <= (visit.started_at or demo.made_at)


def test_the_outbox_tells_of_every_patient_once(demo: Demo, code: str) -> None:
    query = sa.select(OutboxEvent.subject_id, OutboxEvent.payload).where(OutboxEvent.kind == "patient.register")
    events = demo.rows(code, query)
    assert {row.subject_id for row in events} == {patient.id for patient in patients(demo, code)}
    assert len(events) == 200
    assert all(row.payload == {"patient_version": 1} for row in events)


def test_tests_were_ordered_and_stand_at_every_stage(demo: Demo, code: str) -> None:
    statuses = Counter(row[0] for row in demo.rows(code, sa.select(LabOrderItem.status)))
    assert statuses[ItemStatus.VERIFIED] > 20
    reports = demo.rows(code, sa.select(LabReport.entered_by, LabReport.verified_by, LabReport.reviewed_at))
    assert all(row.entered_by != row.verified_by for row in reports)
    assert any(row.reviewed_at for row in reports)


def test_the_audit_log_says_that_the_demo_made_it(demo: Demo, code: str) -> None:
    entries = demo.rows(code, sa.select(AuditEntry.actor_kind, AuditEntry.actor_name, AuditEntry.action))
    assert {(row.actor_kind, row.actor_name) for row in entries} == {("system", "demo data")}
    assert Counter(row.action for row in entries) == {"patient.register": 200, "staff.create": 13, "demo.fill": 1}
