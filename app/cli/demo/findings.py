"""What was measured, found and prescribed at the invented visits, as rows of their tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from app.cli.demo.cases import Case, Item
from app.cli.demo.people import Person
from app.cli.demo.visits import Visit
from app.core.ids import new_id
from app.domain.appointments.models import AppointmentStatus
from app.domain.prescriptions.doses import Dose
from app.domain.records import icd10
from app.domain.records.models import Consciousness, DiagnosisKind

Row = dict[str, Any]
_AMENDMENTS = (
    ("Bổ sung kết quả xét nghiệm", "Kết quả xét nghiệm trả sau: trong giới hạn bình thường."),
    ("Sửa mô tả khám bị thiếu", "Bổ sung: đã tư vấn người bệnh các dấu hiệu cần khám lại ngay."),
)


@dataclass(slots=True)
class Findings:
    """Rows by table. Records and prescriptions are to be signed at their `updated_at`, all but the open ones."""

    vital_signs: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    amendments: list[Row] = field(default_factory=list)
    open_records: list[Row] = field(default_factory=list)
    diagnoses: list[Row] = field(default_factory=list)
    prescriptions: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=list)


class Examiner:
    """Turns visits into what a nurse measured and a doctor wrote."""

    def __init__(self, random: Random, nurses: list[UUID], medicines: dict[str, Row], now: datetime) -> None:
        self._random = random
        self._nurses = nurses
        self._medicines = medicines
        self._now = now
        self._found = Findings()

    def examine(self, visits: list[Visit]) -> Findings:
        """Return what there is of these visits."""
        for visit in visits:
            if visit.arrived_at is not None and self._was_measured(visit):
                self._found.vital_signs.append(self._measure(visit, visit.arrived_at))
            if visit.started_at is not None and visit.finished_at is not None:
                self._write(visit, visit.started_at, visit.finished_at)
            elif visit.started_at is not None:
                unwritten = dict.fromkeys(("history", "examination", "assessment", "plan"), "")
                self._found.open_records.append(_record(visit, visit.started_at, visit.started_at) | unwritten)
        return self._found

    def _was_measured(self, visit: Visit) -> bool:
        chance = {AppointmentStatus.COMPLETED: 0.95, AppointmentStatus.IN_PROGRESS: 1.0}.get(visit.status, 0.5)
        return self._random.random() < chance

    def _measure(self, visit: Visit, arrived_at: datetime) -> Row:
        until = visit.started_at or self._now
        measured_at = arrived_at + (until - arrived_at) * self._random.uniform(0.3, 0.8)
        nurse = self._random.choice(self._nurses)
        return {
            "id": new_id(),
            "patient_id": visit.person.id,
            "appointment_id": visit.id,
            "measured_at": measured_at,
            "measured_by": nurse,
            "created_at": measured_at,
            "updated_at": measured_at,
            "created_by": nurse,
            "on_oxygen": False,
            "consciousness": Consciousness.ALERT,
            **measure(self._random, visit.person, visit.case),
        }

    def _write(self, visit: Visit, started_at: datetime, finished_at: datetime) -> None:
        record = _record(visit, started_at, finished_at)
        self._found.records.append(record)
        self._diagnose(record, visit.case)
        medicines = [item for item in visit.case.medicines if item.code not in visit.person.forbidden]
        if medicines:
            self._prescribe(record, medicines)
        elif len(self._found.records) % 2 and finished_at < self._now - timedelta(days=1):
            self._amend(record, visit.case)

    def _amend(self, record: Row, case: Case) -> None:
        reason, addition = self._random.choice(_AMENDMENTS)
        begun = record["updated_at"] + timedelta(minutes=self._random.randint(60, 600))
        amendment = record | {
            "id": new_id(),
            "parent_id": record["id"],
            "number": 2,
            "assessment": f"{record['assessment']} {addition}",
            "amendment_reason": reason,
            "created_at": begun,
            "updated_at": begun + timedelta(minutes=self._random.randint(3, 15)),
        }
        self._found.amendments.append(amendment)
        self._diagnose(amendment, case)

    def _diagnose(self, record: Row, case: Case) -> None:
        for position, code in enumerate(case.diagnoses):
            diagnosis = icd10.get(code)
            self._found.diagnoses.append(
                {
                    "id": new_id(),
                    "record_id": record["id"],
                    "code": diagnosis.code,
                    "title": diagnosis.title("vi"),
                    "title_en": diagnosis.title_en,
                    "kind": DiagnosisKind.SECONDARY if position else DiagnosisKind.PRIMARY,
                    "position": position,
                    **_written(record),
                }
            )

    def _prescribe(self, record: Row, medicines: list[Item]) -> None:
        prescription = {
            "id": new_id(),
            "record_id": record["id"],
            "patient_id": record["patient_id"],
            "doctor_id": record["doctor_id"],
            **_written(record),
        }
        self._found.prescriptions.append(prescription)
        self._found.items.extend(
            {**self._item(item, position), "prescription_id": prescription["id"], **_written(record)}
            for position, item in enumerate(medicines)
        )

    def _item(self, item: Item, position: int) -> Row:
        medicine = self._medicines[item.code]
        dose = Dose(Decimal(item.amount), item.times, item.days)
        return {
            "id": new_id(),
            "medicine_id": medicine["id"],
            "medicine_name": medicine["name"],
            "strength": medicine["strength"],
            "unit": medicine["unit"],
            "dose_unit": medicine["dose_unit"],
            "route": medicine["route"],
            "dose_amount": dose.amount,
            "times_per_day": dose.times_per_day,
            "days": dose.days,
            "quantity": dose.quantity(medicine["unit"], medicine["dose_unit"], medicine["package_content"]) or 1,
            "meal_timing": item.meal,
            "instructions": item.instructions,
            "position": position,
        }


def _record(visit: Visit, started_at: datetime, updated_at: datetime) -> Row:
    record_id = new_id()
    return {
        "id": record_id,
        "series_id": record_id,
        "parent_id": None,
        "number": 1,
        "patient_id": visit.person.id,
        "appointment_id": visit.id,
        "doctor_id": visit.clinic.doctor_id,
        "complaint": visit.case.reason,
        "history": visit.case.history,
        "examination": visit.case.examination,
        "assessment": visit.case.assessment,
        "plan": visit.case.plan,
        "amendment_reason": None,
        "created_at": started_at,
        "updated_at": updated_at,
        "created_by": visit.clinic.doctor_id,
    }


def measure(random: Random, person: Person, case: Case) -> Row:
    """Return vital signs that fit the person's age and build, and what they came for."""
    age = person.age
    pulse, breaths = (125, 34) if age < 1 else (112, 28) if age < 4 else (95, 22) if age < 11 else (76, 16)
    temperature = random.uniform(37.8, 39.2) if case.fever else random.uniform(36.4, 37.2)
    faster = 12 if case.fever else 0
    systolic = int(person.body.pressure + random.gauss(14 if case.high_pressure else 0, 5))
    with_pressure = age >= 3
    return {
        "temperature_c": _decimal(temperature),
        "pulse": pulse + faster + random.randint(-8, 10),
        "respiratory_rate": breaths + faster // 6 + random.randint(-1, 2),
        "systolic": systolic if with_pressure else None,
        "diastolic": int(systolic * random.uniform(0.58, 0.66)) if with_pressure else None,
        "spo2": random.choice((96, 97, 98, 98, 99, 99)),
        "weight_kg": _decimal(person.body.weight + random.uniform(-0.1, 0.1)),
        "height_cm": _decimal(person.body.height),
        "pain": min(10, case.pain + random.randint(0, 1)) if age >= 6 else None,
    }


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.1f}")


def _written(record: Row) -> Row:
    return {"created_at": record["updated_at"], "updated_at": record["updated_at"], "created_by": record["doctor_id"]}
