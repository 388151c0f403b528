"""The catalogue of tests: tests, their analytes with limits and ranges, and panels."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_LAB_CATALOGUE
from app.domain.laboratory.catalogue import (
    get_analyte,
    get_test,
    list_analytes,
    list_panels,
    list_ranges,
    list_tests,
)
from app.domain.laboratory.errors import SINCE
from app.domain.laboratory.keeping_catalogue import (
    add_range,
    remove_range,
    retire_panel,
    save_analyte,
    save_panel,
    save_test,
    start_catalogue,
)
from app.domain.laboratory.models import Analyte, LabTest
from app.domain.patients.models import Sex
from app.hospital import hospital, lab_words
from app.hospital.administration import declare_administration
from app.hospital.forms.lab_catalogue import AnalyteForm, PanelForm, RangeForm, TestForm, read_number
from app.hospital.forms.laboratory import read_ids
from app.tenancy.binding import needs_revision
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.lab_catalogue_index",
    _l("Catalogue of tests"),
    _l("Tests and imaging, their units, ranges, limits and panels, and when patients see results"),
    MANAGE_LAB_CATALOGUE,
    60,
)


@hospital.get("/laboratory/catalogue")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_index() -> Response:
    """Show the catalogue."""
    needs_revision(SINCE)
    return _show_index(PanelForm())


@hospital.post("/laboratory/catalogue/start")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_start() -> BaseResponse:
    """Put the starting catalogue into one that is empty."""
    start_catalogue(current_actor())
    flash(_("The starting catalogue is put in. Check ranges and limits before you use it."), "success")
    return see_other(url_for("hospital.lab_catalogue_index"))


@hospital.get("/laboratory/catalogue/tests/new")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_new_test() -> Response:
    """Ask for a new test."""
    needs_revision(SINCE)
    return _show_test(TestForm(kind="laboratory"), None)


@hospital.post("/laboratory/catalogue/tests")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_create_test() -> BaseResponse:
    """Add a test."""
    return _save_test(TestForm(), None)


@hospital.get("/laboratory/catalogue/tests/<uuid:lab_test_id>")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_edit_test(lab_test_id: UUID) -> Response:
    """Show a test with its analytes, to change."""
    test = get_test(lab_test_id)
    form = TestForm(formdata=None, obj=test)
    form.kind.data, form.specimen.data = test.kind.value, test.specimen.value if test.specimen else ""
    form.version.data = str(test.version)
    return _show_test(form, test)


@hospital.post("/laboratory/catalogue/tests/<uuid:lab_test_id>")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_update_test(lab_test_id: UUID) -> BaseResponse:
    """Change a test."""
    return _save_test(TestForm(), get_test(lab_test_id))


@hospital.get("/laboratory/catalogue/tests/<uuid:lab_test_id>/analytes/new")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_new_analyte(lab_test_id: UUID) -> Response:
    """Ask for a new analyte of a test."""
    return _show_analyte(AnalyteForm(), get_test(lab_test_id), None)


@hospital.post("/laboratory/catalogue/tests/<uuid:lab_test_id>/analytes")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_create_analyte(lab_test_id: UUID) -> BaseResponse:
    """Add an analyte to a test."""
    return _save_analyte(AnalyteForm(), get_test(lab_test_id), None)


@hospital.get("/laboratory/catalogue/analytes/<uuid:analyte_id>")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_edit_analyte(analyte_id: UUID) -> Response:
    """Show an analyte with its ranges, to change."""
    analyte = get_analyte(analyte_id)
    form = AnalyteForm(formdata=None)
    form.fill(analyte)
    return _show_analyte(form, get_test(analyte.test_id), analyte)


@hospital.post("/laboratory/catalogue/analytes/<uuid:analyte_id>")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_update_analyte(analyte_id: UUID) -> BaseResponse:
    """Change an analyte."""
    analyte = get_analyte(analyte_id)
    return _save_analyte(AnalyteForm(), get_test(analyte.test_id), analyte)


@hospital.post("/laboratory/catalogue/analytes/<uuid:analyte_id>/ranges")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_add_range(analyte_id: UUID) -> BaseResponse:
    """Add a reference range."""
    analyte, form = get_analyte(analyte_id), RangeForm(prefix="range-")
    if form.validate_on_submit():
        usual = (read_number(form, "low"), read_number(form, "high"))
        sex = Sex(form.sex.data) if form.sex.data else None
        try:
            if not form.errors:
                add_range(current_actor(), analyte_id, sex=sex, ages=form.ages, usual=usual)
                return see_other(url_for("hospital.lab_catalogue_edit_analyte", analyte_id=analyte_id))
        except InvalidValue as error:
            form.add_error("low", error)
    standing = AnalyteForm(formdata=None)
    standing.fill(analyte)
    return _show_analyte(standing, get_test(analyte.test_id), analyte, form)


@hospital.post("/laboratory/catalogue/ranges/<uuid:range_id>/remove")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_remove_range(range_id: UUID) -> BaseResponse:
    """Take a reference range out."""
    analyte_id = remove_range(current_actor(), range_id)
    return see_other(url_for("hospital.lab_catalogue_edit_analyte", analyte_id=analyte_id))


@hospital.post("/laboratory/catalogue/panels")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_save_panel() -> BaseResponse:
    """Add a panel, or give the one with this code other tests."""
    form = PanelForm()
    if form.validate_on_submit():
        try:
            save_panel(current_actor(), form.code.data.upper(), form.name.data, read_ids(form.tests.data))
        except InvalidValue as error:
            form.add_error("tests", error)
        else:
            flash(_("The panel is saved."), "success")
            return see_other(url_for("hospital.lab_catalogue_index"))
    return _show_index(form)


@hospital.post("/laboratory/catalogue/panels/<uuid:lab_panel_id>/retire")
@requires(MANAGE_LAB_CATALOGUE)
def lab_catalogue_retire_panel(lab_panel_id: UUID) -> BaseResponse:
    """Have a panel not be offered any more."""
    retire_panel(current_actor(), lab_panel_id)
    flash(_("The panel is not offered any more."), "success")
    return see_other(url_for("hospital.lab_catalogue_index"))


def _show_index(form: PanelForm) -> Response:
    tests = list_tests()
    form.tests.choices = [SelectChoice(str(test.id), test.name) for test in tests]
    failed = bool(form.errors)
    return render(
        "hospital/laboratory/catalogue.html", tests=tests, panels=list_panels(active_only=True), form=form,
        lab=lab_words, has_errors=failed, status=422 if failed else 200,
    )  # fmt: skip


def _save_test(form: TestForm, test: LabTest | None) -> BaseResponse:
    if form.validate_on_submit():
        try:
            saved = save_test(current_actor(), form.read(), test.id if test else None, form.version_number)
        except InvalidValue as error:
            form.add_error("code", error)
        else:
            flash(_("The test is saved."), "success")
            return see_other(url_for("hospital.lab_catalogue_edit_test", lab_test_id=saved.id))
    return _show_test(form, test)


def _show_test(form: TestForm, test: LabTest | None) -> Response:
    analytes = list_analytes(test.id) if test else []
    failed = bool(form.errors)
    return render(
        "hospital/laboratory/catalogue_test.html", form=form, test=test, analytes=analytes, lab=lab_words,
        has_errors=failed, status=422 if failed else 200,
    )  # fmt: skip


def _save_analyte(form: AnalyteForm, test: LabTest, analyte: Analyte | None) -> BaseResponse:
    facts = form.read() if form.validate_on_submit() else None
    if facts is not None:
        known = analyte.id if analyte else None
        try:
            saved = save_analyte(current_actor(), test.id, facts, known, form.version_number)
        except InvalidValue as error:
            form.add_error("code", error)
        else:
            flash(_("The analyte is saved."), "success")
            return see_other(url_for("hospital.lab_catalogue_edit_analyte", analyte_id=saved.id))
    return _show_analyte(form, test, analyte)


def _show_analyte(
    form: AnalyteForm, test: LabTest, analyte: Analyte | None, range_form: RangeForm | None = None
) -> Response:
    failed = bool(form.errors) or bool(range_form and range_form.errors)
    return render(
        "hospital/laboratory/catalogue_analyte.html", form=form, test=test, analyte=analyte, lab=lab_words,
        ranges=list_ranges(analyte.id) if analyte else [],
        range_form=range_form or RangeForm(formdata=None, prefix="range-"),
        has_errors=failed, status=422 if failed else 200,
    )  # fmt: skip
