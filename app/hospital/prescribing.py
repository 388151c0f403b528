"""The prescription within a consultation: medicines added with their dose, and taken off again."""

from __future__ import annotations

from uuid import UUID

from werkzeug.wrappers import Response as BaseResponse

from app.core.permissions import requires
from app.domain.identity.permissions import PRESCRIBE, WRITE_RECORDS
from app.domain.prescriptions.operations import remove_item
from app.hospital import hospital
from app.hospital.drafting import act_on_draft, add_medicine
from app.hospital.forms.consultations import ConsultationForm
from app.web.principals import current_actor


@hospital.post("/consultations/<uuid:record_id>/medicines")
@requires(WRITE_RECORDS, PRESCRIBE)
def consultations_add_medicine(record_id: UUID) -> BaseResponse:
    """Prescribe the chosen medicine; an ambiguous dose is asked back."""
    return add_medicine(record_id, ConsultationForm())


@hospital.post("/consultations/<uuid:record_id>/medicines/<uuid:item_id>/remove")
@requires(WRITE_RECORDS, PRESCRIBE)
def consultations_remove_medicine(record_id: UUID, item_id: UUID) -> BaseResponse:
    """Take a medicine off the prescription."""
    return act_on_draft(
        record_id,
        ConsultationForm(),
        lambda: remove_item(current_actor(), record_id, item_id),
        block="prescription",
    )
