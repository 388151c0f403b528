"""Writes findings in the order that the database's freezing triggers ask for: drafts with their diagnoses, then signed.

An amendment comes after its record was signed, and makes that the amended one.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.cli.demo.findings import Findings
from app.cli.demo.problems import problems_of
from app.core.db import db
from app.domain.prescriptions.models import Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import MedicalRecord, PatientCondition, RecordDiagnosis, RecordStatus, VitalSigns


def write_findings(found: Findings) -> None:
    """Write measurements, records (signed, amended, and open ones), and signed prescriptions."""
    db.session.execute(sa.insert(VitalSigns), found.vital_signs)
    db.session.execute(sa.insert(MedicalRecord), found.records)
    amended = {row["id"] for row in found.amendments}
    db.session.execute(sa.insert(RecordDiagnosis), [row for row in found.diagnoses if row["record_id"] not in amended])
    if problems := problems_of(found.records, found.diagnoses):
        db.session.execute(sa.insert(PatientCondition), problems)
    _sign_records()
    if found.amendments:
        db.session.execute(sa.insert(MedicalRecord), found.amendments)
        db.session.execute(sa.insert(RecordDiagnosis), [row for row in found.diagnoses if row["record_id"] in amended])
        _supersede([row["parent_id"] for row in found.amendments])
        _sign_records()
    if found.open_records:
        db.session.execute(sa.insert(MedicalRecord), found.open_records)
    db.session.execute(sa.insert(Prescription), found.prescriptions)
    db.session.execute(sa.insert(PrescriptionItem), found.items)
    _sign(Prescription, {"status": PrescriptionStatus.SIGNED, "signed_at": Prescription.updated_at})


def _sign_records() -> None:
    values = {
        "status": RecordStatus.SIGNED,
        "is_current": True,
        "signed_at": MedicalRecord.updated_at,
        "signed_by": MedicalRecord.doctor_id,
    }
    _sign(MedicalRecord, values)


def _sign(model: Any, values: dict[str, Any]) -> None:
    """Sign every draft at the moment that its `updated_at` says."""
    db.session.execute(
        sa.update(model)
        .where(model.status == "draft")
        .values(**values, updated_at=model.updated_at, updated_by=model.doctor_id, version=2)
        .execution_options(synchronize_session=False)
    )


def _supersede(ids: list[UUID]) -> None:
    db.session.execute(
        sa.update(MedicalRecord)
        .where(MedicalRecord.id.in_(ids))
        .values(status=RecordStatus.AMENDED, is_current=False, updated_at=MedicalRecord.updated_at, version=3)
        .execution_options(synchronize_session=False)
    )
