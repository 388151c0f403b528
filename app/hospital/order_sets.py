"""Order sets: what the hospital prescribes together, made and filled by who keeps the formulary."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_FORMULARY
from app.domain.prescriptions.order_sets import (
    add_set_item,
    create_set,
    delete_set,
    list_sets,
    read_set,
    remove_set_item,
    rename_set,
)
from app.domain.prescriptions.queries import search_medicines
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.doses import DoseForm
from app.hospital.forms.prescriptions import OrderSetForm
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.order_sets_index",
    _l("Order sets"),
    _l("Medicines with their usual doses that doctors prescribe together by one button"),
    MANAGE_FORMULARY,
    42,
)


@hospital.get("/order-sets")
@requires(MANAGE_FORMULARY)
def order_sets_index() -> Response:
    """List the order sets."""
    return _list(OrderSetForm(formdata=None))


@hospital.post("/order-sets")
@requires(MANAGE_FORMULARY)
def order_sets_create() -> BaseResponse:
    """Make an order set and go on to fill it."""
    form = OrderSetForm()
    if form.validate_on_submit():
        try:
            made = create_set(current_actor(), form.name.data or "", form.note.data or "")
        except InvalidValue as error:
            form.add_error("name", error)
        else:
            return see_other(url_for("hospital.order_sets_show", set_id=made.id))
    return _list(form)


@hospital.get("/order-sets/<uuid:set_id>")
@requires(MANAGE_FORMULARY)
def order_sets_show(set_id: UUID) -> Response:
    """Show what an order set holds."""
    form = DoseForm(formdata=None, medicine_q=request.args.get("medicine_q", ""))
    return _show(set_id, form)


@hospital.post("/order-sets/<uuid:set_id>")
@requires(MANAGE_FORMULARY)
def order_sets_update(set_id: UUID) -> BaseResponse:
    """Give an order set another name or note."""
    form = OrderSetForm()
    if form.validate_on_submit():
        try:
            rename_set(current_actor(), set_id, form.version_number, form.name.data or "", form.note.data or "")
        except InvalidValue as error:
            form.add_error("name", error)
        else:
            flash(_("Saved."), "success")
            return see_other(url_for("hospital.order_sets_show", set_id=set_id))
    return _show(set_id, DoseForm(formdata=None), form)


@hospital.post("/order-sets/<uuid:set_id>/medicines")
@requires(MANAGE_FORMULARY)
def order_sets_add(set_id: UUID) -> BaseResponse:
    """Put a medicine with its usual dose into an order set, or find one."""
    form = DoseForm()
    if request.form.get("act") == "find":
        return see_other(url_for("hospital.order_sets_show", set_id=set_id, medicine_q=form.medicine_q.data))
    item = form.read_item() if form.validate_on_submit() else None
    if item is None:
        return _show(set_id, form)
    medicine_id, dose, timing, quantity = item
    try:
        add_set_item(
            current_actor(),
            set_id,
            medicine_id,
            dose=dose,
            meal_timing=timing,
            instructions=form.instructions.data or "",
            quantity=quantity,
        )
    except InvalidValue as error:
        form.add_error("medicine_q", error)
        return _show(set_id, form)
    return see_other(url_for("hospital.order_sets_show", set_id=set_id))


@hospital.post("/order-sets/<uuid:set_id>/medicines/<uuid:set_item_id>/remove")
@requires(MANAGE_FORMULARY)
def order_sets_remove(set_id: UUID, set_item_id: UUID) -> BaseResponse:
    """Take a medicine out of an order set."""
    remove_set_item(current_actor(), set_id, set_item_id)
    return see_other(url_for("hospital.order_sets_show", set_id=set_id))


@hospital.post("/order-sets/<uuid:set_id>/delete")
@requires(MANAGE_FORMULARY)
def order_sets_delete(set_id: UUID) -> BaseResponse:
    """Delete an order set."""
    delete_set(current_actor(), set_id)
    flash(_("The order set is deleted. What was prescribed by it stays."), "success")
    return see_other(url_for("hospital.order_sets_index"))


def _list(form: OrderSetForm) -> Response:
    failed = bool(form.errors)
    return render(
        "hospital/order_sets/index.html",
        form=form,
        sets=list_sets(),
        has_errors=failed,
        status=422 if failed else 200,
    )


def _show(set_id: UUID, form: DoseForm, naming: OrderSetForm | None = None) -> Response:
    row, items = read_set(set_id)
    naming = naming or OrderSetForm(formdata=None, name=row.name, note=row.note or "", version=str(row.version))
    failed = bool(form.errors or naming.errors)
    return render(
        "hospital/order_sets/show.html",
        order_set=row,
        items=items,
        form=form,
        naming=naming,
        found=search_medicines(form.medicine_q.data or ""),
        has_errors=failed,
        status=422 if failed else 200,
    )
