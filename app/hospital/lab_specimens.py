"""Collecting specimens: whose, which tubes, their labels on paper, and rejecting what is spoilt."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue, NotFound
from app.core.formats.dates import format_date, format_datetime
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import COLLECT_SPECIMENS
from app.domain.laboratory.collecting import collect_specimens, reject_specimen
from app.domain.laboratory.queries import OpenOrder, get_specimen, open_order
from app.domain.patients.queries import open_patient
from app.hospital import hospital, lab_words, wording
from app.hospital.forms.laboratory import CollectForm
from app.hospital.forms.vitals import ReasonForm
from app.hospital.lab_orders import waits_for_specimen
from app.web.barcodes import code128_svg
from app.web.documents import pdf, pdf_response
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.templates import hospital_zone


@hospital.get("/lab-orders/<uuid:lab_order_id>/specimens")
@requires(COLLECT_SPECIMENS)
def lab_specimens_new(lab_order_id: UUID) -> Response:
    """Show whose specimens are to be collected, in which tubes, and the labels of those that were."""
    return _show(open_order(current_actor(), lab_order_id, COLLECT_SPECIMENS), CollectForm())


@hospital.post("/lab-orders/<uuid:lab_order_id>/specimens")
@requires(COLLECT_SPECIMENS)
def lab_specimens_create(lab_order_id: UUID) -> BaseResponse:
    """Note what was collected; labels are printed from the page that follows."""
    form = CollectForm()
    if form.validate_on_submit():
        try:
            taken = collect_specimens(current_actor(), lab_order_id, form.read())
        except InvalidValue as error:
            form.add_error("kinds", error)
        else:
            codes = ", ".join(specimen.code for specimen in taken)
            flash(_("Collected: %(codes)s. Print the labels and put them on the tubes now.", codes=codes), "success")
            return see_other(url_for("hospital.lab_specimens_new", lab_order_id=lab_order_id))
    return _show(open_order(current_actor(), lab_order_id, COLLECT_SPECIMENS), form)


@hospital.get("/lab-orders/<uuid:lab_order_id>/labels.pdf")
@requires(COLLECT_SPECIMENS)
def lab_specimens_labels(lab_order_id: UUID) -> Response:
    """Return the labels of an order's specimens, one a page of 50 by 25 mm."""
    opened = open_order(current_actor(), lab_order_id, COLLECT_SPECIMENS)
    labels = [_label(opened, specimen) for specimen in opened.specimens if specimen.rejected_at is None]
    if not labels:
        raise NotFound
    facts = {"title": _("Labels of %(code)s", code=opened.row.code), "labels": labels}
    return pdf_response(pdf("specimen_labels", facts), f"{opened.row.code}.pdf")


@hospital.get("/lab-specimens/<uuid:specimen_id>/reject")
@requires(COLLECT_SPECIMENS)
def lab_specimens_ask_reject(specimen_id: UUID) -> Response:
    """Ask why a specimen is of no use."""
    return _show_reject(specimen_id, ReasonForm())


@hospital.post("/lab-specimens/<uuid:specimen_id>/reject")
@requires(COLLECT_SPECIMENS)
def lab_specimens_reject(specimen_id: UUID) -> BaseResponse:
    """Reject a specimen, so that its tests are collected again."""
    form = ReasonForm()
    if not form.validate_on_submit():
        return _show_reject(specimen_id, form)
    specimen = reject_specimen(current_actor(), specimen_id, form.reason.data)
    flash(_("Specimen %(code)s is rejected. Its tests wait to be collected again.", code=specimen.code), "success")
    return see_other(url_for("hospital.lab_specimens_new", lab_order_id=specimen.order_id))


def _show(opened: OpenOrder, form: CollectForm) -> Response:
    kinds = waits_for_specimen(opened)
    form.offer(kinds)
    if not form.is_submitted():
        form.kinds.data = [kind.value for kind in kinds]
    return render(
        "hospital/laboratory/collect.html",
        opened=opened,
        order=opened.row,
        patient=opened.patient,
        kinds=kinds,
        form=form,
        lab=lab_words,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_reject(specimen_id: UUID, form: ReasonForm) -> Response:
    specimen = get_specimen(specimen_id)
    patient = open_patient(current_actor(), specimen.patient_id, "lab_order.view", COLLECT_SPECIMENS)
    return render(
        "hospital/laboratory/reject.html",
        specimen=specimen,
        patient=patient,
        form=form,
        lab=lab_words,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _label(opened: OpenOrder, specimen: Any) -> dict[str, str]:
    """Return what a label says: who in two ways, what, when, and the code to scan."""
    patient = opened.patient
    return {
        "name": patient.full_name,
        "who": f"{patient.code} · {format_date(patient.born_on)} · {wording.SEX[patient.sex]}",
        "what": str(lab_words.SPECIMEN[specimen.kind]),
        "when": format_datetime(specimen.collected_at, hospital_zone()),
        "code": specimen.code,
        "order": opened.row.code,
        "urgent": str(lab_words.PRIORITY[opened.row.priority]) if opened.row.priority.value == "urgent" else "",
        "barcode": code128_svg(specimen.code),
    }
