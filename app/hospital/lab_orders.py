"""Orders of tests: a patient's, placed on the patient's page or within a consultation, and one with what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import ORDER_TESTS, VIEW_RESULTS, WRITE_RECORDS
from app.domain.laboratory.catalogue import list_offer
from app.domain.laboratory.errors import SINCE
from app.domain.laboratory.models import ItemStatus, LabKind
from app.domain.laboratory.ordering import cancel_item, order_tests
from app.domain.laboratory.queries import OpenOrder, get_ordered_test, list_orders, list_visits_orders, open_order
from app.domain.patients.queries import PatientRow, open_patient
from app.domain.records.models import MedicalRecord, RecordStatus
from app.domain.records.queries import OpenRecord
from app.hospital import hospital, lab_words
from app.hospital.consultation_panels import declare_panel
from app.hospital.drafting import act_on_draft
from app.hospital.forms.consultations import ConsultationForm
from app.hospital.forms.laboratory import OrderForm
from app.hospital.forms.vitals import ReasonForm
from app.hospital.patient_tabs import declare_patient_tab
from app.tenancy.binding import has_revision
from app.web.principals import current_actor
from app.web.render import render, see_other

REDIRECTED = 303
declare_patient_tab("hospital.lab_orders_index", _l("Tests"), VIEW_RESULTS, position=30)


@hospital.get("/patients/<uuid:patient_id>/lab-orders")
@requires(VIEW_RESULTS)
def lab_orders_index(patient_id: UUID) -> Response:
    """Show what was ordered for a patient, the newest first, and how far each test is."""
    patient = open_patient(current_actor(), patient_id, "lab_order.view", VIEW_RESULTS)
    orders = list_orders(patient_id, page=request.args.get("page", 1, type=int))
    return render("hospital/laboratory/orders.html", patient=patient, orders=orders, lab=lab_words)


@hospital.get("/patients/<uuid:patient_id>/lab-orders/new")
@requires(ORDER_TESTS)
def lab_orders_new(patient_id: UUID) -> Response:
    """Ask which tests to order."""
    patient = open_patient(current_actor(), patient_id, "lab_order.view", ORDER_TESTS)
    return _show_form(patient, OrderForm())


@hospital.post("/patients/<uuid:patient_id>/lab-orders")
@requires(ORDER_TESTS)
def lab_orders_create(patient_id: UUID) -> BaseResponse:
    """Order the chosen tests."""
    form = OrderForm()
    if form.validate_on_submit():
        try:
            order = order_tests(current_actor(), patient_id, form.read(parse_id(request.args.get("visit", ""))))
        except InvalidValue as error:
            form.add_error("tests", error)
        else:
            flash(_("Order %(code)s is placed.", code=order.code), "success")
            return see_other(_after(order.id))
    return _show_form(open_patient(current_actor(), patient_id, "lab_order.view", ORDER_TESTS), form)


@hospital.get("/lab-orders/<uuid:lab_order_id>")
@requires(VIEW_RESULTS)
def lab_orders_show(lab_order_id: UUID) -> Response:
    """Show an order with its specimens and results, and what can be done next."""
    opened = open_order(current_actor(), lab_order_id)
    return render(
        "hospital/laboratory/order.html",
        opened=opened,
        order=opened.row,
        patient=opened.patient,
        to_collect=waits_for_specimen(opened),
        lab=lab_words,
    )


@hospital.get("/lab-tests/<uuid:ordered_test_id>/cancel")
@requires(ORDER_TESTS)
def lab_orders_ask_cancel(ordered_test_id: UUID) -> Response:
    """Ask why an ordered test is taken back."""
    return _show_cancel(ordered_test_id, ReasonForm())


@hospital.post("/lab-tests/<uuid:ordered_test_id>/cancel")
@requires(ORDER_TESTS)
def lab_orders_cancel(ordered_test_id: UUID) -> BaseResponse:
    """Take an ordered test back."""
    form = ReasonForm()
    if not form.validate_on_submit():
        return _show_cancel(ordered_test_id, form)
    item = cancel_item(current_actor(), ordered_test_id, form.version_number, form.reason.data)
    flash(_("%(test)s is cancelled.", test=item.test_name), "success")
    return see_other(url_for("hospital.lab_orders_show", lab_order_id=item.order_id))


@hospital.post("/consultations/<uuid:record_id>/lab-orders")
@requires(WRITE_RECORDS, ORDER_TESTS)
def consultations_order_tests(record_id: UUID) -> BaseResponse:
    """Save the draft and go on to order tests for the visit of the consultation."""
    saved = act_on_draft(record_id, ConsultationForm(), lambda: None, block="panel-laboratory")
    if saved.status_code != REDIRECTED:
        return saved
    record = db.session.get_one(MedicalRecord, record_id)
    target = url_for(
        "hospital.lab_orders_new", patient_id=record.patient_id, visit=record.appointment_id, record=record_id
    )
    return see_other(target)


def waits_for_specimen(opened: OpenOrder) -> list[Any]:
    """Return the kinds of specimen that an order waits for, in the order of its tests."""
    waiting = [
        test.row.specimen
        for test in opened.tests
        if test.row.kind is LabKind.LABORATORY and test.row.status is ItemStatus.ORDERED
    ]
    return list(dict.fromkeys(waiting))


def _after(order_id: UUID) -> str:
    """Return where to go once something is ordered: back to the consultation that one came from, or to the order."""
    record_id = parse_id(request.args.get("record", ""))
    if record_id is not None:
        return url_for("hospital.consultations_show", record_id=record_id, _anchor="panel-laboratory")
    return url_for("hospital.lab_orders_show", lab_order_id=order_id)


def _show_form(patient: PatientRow, form: OrderForm) -> Response:
    offer = list_offer()
    form.offer(offer)
    return render(
        "hospital/laboratory/new.html",
        patient=patient,
        form=form,
        offer=offer,
        visit=request.args.get("visit"),
        record=request.args.get("record"),
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show_cancel(ordered_test_id: UUID, form: ReasonForm) -> Response:
    row = get_ordered_test(ordered_test_id)
    patient = open_patient(current_actor(), row.patient_id, "lab_order.view", ORDER_TESTS)
    form.version.data = str(row.version)
    return render(
        "hospital/laboratory/cancel.html",
        patient=patient,
        row=row,
        form=form,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _load_panel(opened: OpenRecord) -> dict[str, Any] | None:
    """Return what the panel of a consultation shows: the visit's orders."""
    if not has_revision(SINCE):
        return None
    orders = list_visits_orders(opened.row.appointment_id)
    can_order = opened.row.status is RecordStatus.DRAFT and current_actor().may(ORDER_TESTS.code)
    return {"orders": orders, "can_order": can_order, "lab": lab_words}


declare_panel("laboratory", 20, "hospital/laboratory/panel.html", _load_panel, permission=VIEW_RESULTS.code)
