"""The prescription within a consultation: medicines put on and taken off, at hand or one by one; warnings answered."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import flash, request
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import PRESCRIBE, WRITE_RECORDS
from app.domain.prescriptions.at_hand import (
    Added,
    add_favourite,
    add_order_set,
    keep_favourite,
    renew_prescription,
)
from app.domain.prescriptions.operations import remove_item
from app.domain.prescriptions.reviewing import override_warnings
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


@hospital.post("/consultations/<uuid:record_id>/warnings/override")
@requires(WRITE_RECORDS, PRESCRIBE)
def consultations_override(record_id: UUID) -> BaseResponse:
    """Keep the reason why something is prescribed in spite of the chosen warnings."""
    form = ConsultationForm()

    def answer() -> None:
        override_warnings(
            current_actor(), record_id, request.form.getlist("override_key"), form.override_reason.data or ""
        )
        form.override_reason.data = ""

    return act_on_draft(record_id, form, answer, block="prescription")


@hospital.post("/consultations/<uuid:record_id>/medicines/<uuid:item_id>/favourite")
@requires(WRITE_RECORDS, PRESCRIBE)
def consultations_keep_favourite(record_id: UUID, item_id: UUID) -> BaseResponse:
    """Keep a medicine with its dose among one's favourites."""

    def keep() -> None:
        whole = request.args.get("instructions") == "1"
        keep_favourite(current_actor(), record_id, item_id, with_instructions=whole)
        flash(_("Kept among your favourites."), "success")

    return act_on_draft(record_id, ConsultationForm(), keep, block="prescription")


@hospital.post("/consultations/<uuid:record_id>/favourites/<uuid:favourite_id>")
@requires(WRITE_RECORDS, PRESCRIBE)
def consultations_add_favourite(record_id: UUID, favourite_id: UUID) -> BaseResponse:
    """Prescribe a favourite."""
    return _put_on(record_id, lambda: add_favourite(current_actor(), record_id, favourite_id))


@hospital.post("/consultations/<uuid:record_id>/order-sets/<uuid:set_id>")
@requires(WRITE_RECORDS, PRESCRIBE)
def consultations_add_order_set(record_id: UUID, set_id: UUID) -> BaseResponse:
    """Prescribe what an order set holds."""
    return _put_on(record_id, lambda: add_order_set(current_actor(), record_id, set_id))


@hospital.post("/consultations/<uuid:record_id>/renewals/<uuid:prescription_id>")
@requires(WRITE_RECORDS, PRESCRIBE)
def consultations_renew(record_id: UUID, prescription_id: UUID) -> BaseResponse:
    """Prescribe once more what a former prescription of the patient holds."""
    return _put_on(record_id, lambda: renew_prescription(current_actor(), record_id, prescription_id))


def _put_on(record_id: UUID, add: Callable[[], Added]) -> BaseResponse:
    def act() -> None:
        added = add()
        if added.left_out:
            names = ", ".join(added.left_out)
            flash(_("Not added: %(names)s. They are there already, are not or not so in the formulary any more "
                    "(strength, unit, route), or their quantity must be typed. Prescribe these one by one.",
                    names=names), "warning")  # fmt: skip

    return act_on_draft(record_id, ConsultationForm(), act, block="prescription")
