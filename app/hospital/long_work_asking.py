"""Asking for long work: exports, an import with a look at the file before, messages sent again after a count."""

from __future__ import annotations

from typing import Any, BinaryIO, cast
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import (
    EXPORT_APPOINTMENTS,
    EXPORT_PATIENTS,
    IMPORT_PATIENTS,
    REQUEUE_MESSAGES,
    VIEW_LONG_WORK,
)
from app.domain.longwork.errors import DoneBefore
from app.domain.longwork.exports import APPOINTMENTS, PATIENTS, check_form, check_period
from app.domain.longwork.models import LongWork, LongWorkState
from app.domain.longwork.queries import get_work
from app.domain.longwork.requests import check_steers, request_work
from app.domain.longwork.requeueing import MESSAGES, count_failed, requeue_arguments
from app.domain.longwork.sent_files import MOST_BYTES, begin_import, import_tried, look_at, send_patients
from app.domain.patients.importing import COLUMNS
from app.hospital import hospital
from app.hospital.forms.long_work import ColumnsForm, FileForm, FormForm, PeriodForm, RequeueForm
from app.web.confirming import asks_again
from app.web.forms import Form
from app.web.i18n import current_language
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.uploads import takes_files


@hospital.route("/long-work/patient-exports/new", methods=["GET", "POST"])
@requires(VIEW_LONG_WORK, EXPORT_PATIENTS)
@asks_again
def long_work_export_patients() -> BaseResponse:
    """Ask for a file with the patients that the person's roles open."""
    form = FormForm()
    if form.validate_on_submit():
        arguments = {"form": check_form(form.form.data)}
        return _asked(request_work(current_actor(), PATIENTS, arguments=arguments, locale=current_language()))
    return _page("export_patients", form)


@hospital.route("/long-work/visit-exports/new", methods=["GET", "POST"])
@requires(VIEW_LONG_WORK, EXPORT_APPOINTMENTS)
@asks_again
def long_work_export_visits() -> BaseResponse:
    """Ask for a file with the visits of a period."""
    form = PeriodForm()
    if form.validate_on_submit() and (days := form.days()) is not None:
        try:
            arguments = check_period(*days) | {"form": check_form(form.form.data)}
        except InvalidValue as error:
            form.add_error("until", error)
        else:
            return _asked(request_work(current_actor(), APPOINTMENTS, arguments=arguments, locale=current_language()))
    return _page("export_visits", form)


@hospital.route("/long-work/message-requeues/new", methods=["GET", "POST"])
@requires(VIEW_LONG_WORK, REQUEUE_MESSAGES)
@asks_again
def long_work_requeue() -> BaseResponse:
    """Count the messages of a period that failed, then have them sent again."""
    form, count = RequeueForm(), None
    if form.validate_on_submit() and (days := form.days()) is not None:
        try:
            check_period(*days)
        except InvalidValue as error:
            form.add_error("until", error)
        else:
            count = count_failed(*days)
            if count and request.form.get("begin"):
                arguments = requeue_arguments(*days)
                return _asked(
                    request_work(current_actor(), MESSAGES, arguments=arguments, total=count, locale=current_language())
                )
    return _page("requeue", form, count=count)


@hospital.route("/long-work/patient-imports/new", methods=["GET", "POST"])
@requires(VIEW_LONG_WORK, IMPORT_PATIENTS)
@takes_files(MOST_BYTES + 1024 * 1024)
@asks_again
def long_work_import_patients() -> BaseResponse:
    """Take a file with patients and show what is in it."""
    form = FileForm()
    if form.validate_on_submit():
        try:
            if not form.file.data:
                raise InvalidValue(_l("Choose a file."), field="file")
            content = cast(BinaryIO, form.file.data.stream)
            work = send_patients(current_actor(), form.file.data.filename or "", content, locale=current_language())
        except InvalidValue as error:
            form.add_error("file", error)
        else:
            return see_other(url_for("hospital.long_work_columns", work_id=work.id))
    return _page("import_patients", form, most_mb=MOST_BYTES // 1024**2, columns=COLUMNS)


@hospital.route("/long-work/<uuid:work_id>/columns", methods=["GET", "POST"])
@requires(VIEW_LONG_WORK, IMPORT_PATIENTS)
@asks_again
def long_work_columns(work_id: UUID) -> BaseResponse:
    """Show a sent file's first rows and which column has what; try the import, or have it done."""
    actor, shown = current_actor(), get_work(work_id)
    check_steers(actor, shown.row)
    if shown.row.state is not LongWorkState.PREPARED:
        return see_other(url_for("hospital.long_work_show", work_id=work_id))
    looked = look_at(work_id, shown.row.arguments["columns"])
    form = ColumnsForm.of(looked.layout.header, looked.columns)
    if form.validate_on_submit():
        act, chosen = request.form.get("act"), form.chosen
        try:
            if act in ("try", "import"):
                return _asked(begin_import(actor, work_id, chosen, dry_run=act == "try"))
            looked = look_at(work_id, chosen)
        except DoneBefore as error:
            return _known_before(error)
        except InvalidValue as error:
            form.add_error("full_name", error)
            looked = look_at(work_id, chosen)
    return _page("columns", form, work=shown, looked=looked, columns=COLUMNS)


@hospital.post("/long-work/<uuid:work_id>/import")
@requires(VIEW_LONG_WORK, IMPORT_PATIENTS)
@asks_again
def long_work_import_tried(work_id: UUID) -> BaseResponse:
    """Have a file imported that was tried."""
    try:
        return _asked(import_tried(current_actor(), work_id))
    except DoneBefore as error:
        return _known_before(error)


def _known_before(error: DoneBefore) -> BaseResponse:
    flash(str(error.message), "warning")
    return see_other(url_for("hospital.long_work_show", work_id=error.work_id))


def _asked(work: LongWork) -> BaseResponse:
    return see_other(url_for("hospital.long_work_show", work_id=work.id))


def _page(name: str, form: Form, **context: Any) -> Response:
    failed = bool(form.errors)
    return render(
        f"hospital/long_work/{name}.html", form=form, has_errors=failed, status=422 if failed else 200, **context
    )
