"""Writing down what was done in the laboratory, and telling the pages that show what is to be done."""

from __future__ import annotations

from typing import Any

from app.core.actor import Actor
from app.core.after_commit import after_commit
from app.core.live import publish
from app.domain.audit.operations import record_change
from app.domain.laboratory.models import LabOrder, LabOrderItem, LabReport, LabSpecimen
from app.tenancy.binding import bound_hospital

TOPIC = "laboratory"
_SUBJECTS = {
    LabOrder: "lab_order",
    LabOrderItem: "lab_order",
    LabSpecimen: "lab_specimen",
    LabReport: "lab_report",
}


def note(
    actor: Actor,
    verb: str,
    row: LabOrder | LabOrderItem | LabSpecimen | LabReport,
    *,
    event: bool = False,
    **changes: Any,
) -> None:
    """Write an act down in the present transaction, as an event too where others must hear of it."""
    subject = _SUBJECTS[type(row)]
    record_change(
        actor,
        f"{subject}.{verb}",
        subject_type=subject,
        subject_id=row.order_id if isinstance(row, LabOrderItem) else row.id,
        patient_id=row.patient_id,
        changes=changes,
        event=_payload(row) if event else None,
    )
    code = bound_hospital().code
    after_commit(lambda: publish(TOPIC, hospital=code))


def _payload(row: Any) -> dict[str, str]:
    names = ("patient_id", "order_id", "ordered_by")
    return {name: str(getattr(row, name)) for name in names if getattr(row, name, None) is not None}
