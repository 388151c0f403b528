"""What of records the small world has besides notes: a patient's problem, a template, an own title of ICD-10."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.core.db import db
from app.domain.records.models import ConditionStatus, Icd10Title, PatientCondition, RecordTemplate

PROBLEM = 96  # added to the patient's own
TEMPLATE = 781

MakeId = Callable[[int], UUID]


def build_problem_of_patient(make_id: MakeId, patient_id: UUID, doctor_id: UUID, word: str) -> None:
    """Give a patient a problem."""
    problem = PatientCondition(
        id=make_id(PROBLEM), patient_id=patient_id, title=f"Hen {word}", status=ConditionStatus.ACTIVE, note=word,
        created_by=doctor_id, updated_by=doctor_id,
    )  # fmt: skip
    db.session.add(problem)
    db.session.flush()


def build_templates(make_id: MakeId, doctor_id: UUID, canary: str, series: int) -> None:
    """Give the hospital a template of notes, and once a title of its own."""
    name = f"Mẫu {canary} {series}"
    db.session.add(RecordTemplate(id=make_id(TEMPLATE), name=name, plan=f"Dặn dò {canary}", created_by=doctor_id))
    if series == 0:
        db.session.add(Icd10Title(code="J01.0", title_vi=f"Viêm xoang {canary}", created_by=doctor_id))
    db.session.flush()
