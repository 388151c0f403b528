"""The demo's problem lists: what of the diagnoses stays with a person beyond one visit."""

from __future__ import annotations

from typing import Any

from app.core.ids import new_id
from app.domain.records.models import ConditionStatus

# Diabetes, lipids, hypertension and heart disease, asthma and COPD, reflux, arthrosis, back pain.
LASTING = ("E1", "E78", "I1", "I2", "I4", "I5", "J44", "J45", "K21", "K29", "M1", "M5", "N18")


def problems_of(records: list[dict[str, Any]], diagnoses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a problem for each lasting diagnosis of a person, since the first time that it was made."""
    by_id = {record["id"]: record for record in records}
    found: dict[tuple[Any, str], dict[str, Any]] = {}
    for row in sorted(diagnoses, key=lambda each: each["created_at"]):
        record = by_id.get(row["record_id"])
        if record is None or not row["code"].startswith(LASTING):
            continue
        found.setdefault(
            (record["patient_id"], row["code"]),
            {
                "id": new_id(),
                "patient_id": record["patient_id"],
                "code": row["code"],
                "title": row["title"],
                "title_en": row["title_en"],
                "status": ConditionStatus.ACTIVE,
                "onset": f"{row['created_at']:%Y-%m}",
                "created_at": row["created_at"],
                "updated_at": row["created_at"],
                "created_by": record["doctor_id"],
                "updated_by": record["doctor_id"],
            },
        )
    return list(found.values())
