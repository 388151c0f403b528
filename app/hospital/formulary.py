"""The formulary as the hospital keeps it: medicines found, put in, changed, retired, and imported from a file."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_FORMULARY
from app.domain.prescriptions.importing import MEDICINE_COLUMNS, MOST_BYTES, import_medicines
from app.domain.prescriptions.keeping import (
    LABELS,
    StaleMedicine,
    create_medicine,
    details_of,
    list_medicines,
    read_medicine,
    retire_medicine,
    update_medicine,
)
from app.domain.prescriptions.queries import search_medicines
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.prescriptions import MedicineForm, SheetForm
from app.hospital.sheets import show_sheet
from app.web.conflicts import show_conflict
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.uploads import takes_files

declare_administration(
    "hospital.formulary_index",
    _l("Formulary"),
    _l("The medicines that doctors choose from, one by one or from a file"),
    MANAGE_FORMULARY,
    40,
)
LAST_PAGE = 10_000


@hospital.get("/formulary")
@requires(MANAGE_FORMULARY)
def formulary_index() -> Response:
    """List the medicines, or those that are retired."""
    retired = request.args.get("retired") == "1"
    page = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
    text = request.args.get("q", "").strip()
    found = list_medicines(text, page, retired=retired)
    return render("hospital/formulary/index.html", q=text, page=found, retired=retired)


@hospital.get("/formulary/find")
@requires(MANAGE_FORMULARY)
def formulary_find() -> Response:
    """Show the medicines found as one types, to choose one for an order set."""
    text = request.args.get("medicine_q", "").strip()
    found = search_medicines(text)
    return render("hospital/medicines/index.html", block="results", q=text, found=found, choosing=True, chosen=None)


@hospital.route("/formulary/new", methods=["GET", "POST"])
@requires(MANAGE_FORMULARY)
def formulary_new() -> BaseResponse:
    """Put a medicine into the formulary."""
    form = MedicineForm()
    if form.validate_on_submit():
        try:
            create_medicine(current_actor(), form.details())
        except InvalidValue as error:
            form.add_error("name", error)
        else:
            flash(_("%(name)s is in the formulary.", name=form.name.data), "success")
            return see_other(url_for("hospital.formulary_index", q=form.name.data))
    return _form(form)


@hospital.route("/formulary/<uuid:medicine_id>", methods=["GET", "POST"])
@requires(MANAGE_FORMULARY)
def formulary_edit(medicine_id: UUID) -> BaseResponse:
    """Change a medicine, or show the conflict where somebody else has meanwhile."""
    row = read_medicine(medicine_id)
    if request.method == "GET":
        now = _texts(details_of(row))
        return _form(MedicineForm(formdata=None, **now, version=str(row.version), was=json.dumps(now)), row)
    form = MedicineForm()
    if form.validate_on_submit():
        try:
            update_medicine(current_actor(), medicine_id, form.version_number, form.details())
        except StaleMedicine as error:
            return _conflict(form, medicine_id, error.theirs)
        except InvalidValue as error:
            form.add_error("name", error)
        else:
            flash(_("The medicine is saved. What was prescribed before stays as it was."), "success")
            return see_other(url_for("hospital.formulary_index", q=form.name.data))
    return _form(form, row)


@hospital.post("/formulary/<uuid:medicine_id>/retire")
@requires(MANAGE_FORMULARY)
def formulary_retire(medicine_id: UUID) -> BaseResponse:
    """Stop a medicine from being prescribed, or let it be prescribed again."""
    retired = request.form.get("retired") == "1"
    retire_medicine(current_actor(), medicine_id, retired=retired)
    done = _("It can no longer be prescribed.") if retired else _("It can be prescribed again.")
    flash(done, "success")
    return see_other(url_for("hospital.formulary_index"))


@hospital.route("/formulary/import", methods=["GET", "POST"])
@requires(MANAGE_FORMULARY)
@takes_files(MOST_BYTES + 1024 * 1024)
def formulary_import() -> Response:
    """Try or import a file with medicines."""
    return show_sheet(
        SheetForm(),
        import_medicines,
        title=_("Import medicines"),
        columns=MEDICINE_COLUMNS,
        action=url_for("hospital.formulary_import"),
        back=(_("Formulary"), url_for("hospital.formulary_index")),
    )


def _form(form: MedicineForm, row: Any = None) -> Response:
    failed = bool(form.errors)
    return render(
        "hospital/formulary/form.html", form=form, medicine=row, has_errors=failed, status=422 if failed else 200
    )


def _conflict(form: MedicineForm, medicine_id: UUID, theirs: Any) -> Response:
    newest = _texts(details_of(theirs))
    return show_conflict(
        layout="layouts/hospital.html",
        title=_("%(name)s: two people have changed the data", name=theirs.name),
        changed_by=theirs.updated_by_name or "",
        changed_at=theirs.updated_at,
        action=url_for("hospital.formulary_edit", medicine_id=medicine_id),
        view_url=url_for("hospital.formulary_edit", medicine_id=medicine_id),
        labels=LABELS,
        was=_began_with(form),
        mine=_texts(form.details()),
        theirs=newest,
        hidden={"version": theirs.version, "was": json.dumps(newest)},
    )


def _began_with(form: MedicineForm) -> dict[str, str]:
    try:
        found = json.loads(form.was.data or "{}")
    except ValueError:
        return {}
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}


def _texts(details: Any) -> dict[str, str]:
    return {name: getattr(details, name) for name in LABELS}
