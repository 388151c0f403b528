"""The register of data breaches: the list with its clocks, one breach with its history, those affected, the notice."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_BREACHES
from app.domain.privacy import words as said
from app.domain.privacy.affected import add_by_codes, add_from_log, count_affected, list_affected, queue_letters
from app.domain.privacy.breaches import (
    add_note,
    change_breach,
    close_breach,
    get_breach,
    list_breaches,
    mark_notified,
    register_breach,
)
from app.domain.privacy.models import AddedBy
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.breaches import CATEGORY, BreachForm, CodesForm, LogForm, NoteForm, values_of
from app.hospital.forms.privacy import VersionForm
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other

LARGEST_FILE = 2_000_000

declare_administration(
    "hospital.breaches_index",
    _l("Data breaches"),
    _l("What has happened, the 72-hour clock, and whom it affects"),
    MANAGE_BREACHES,
    80,
)


def hours_left(notify_by: datetime) -> float:
    """Return how many hours are left until a moment; negative when it has passed."""
    return (notify_by - clock.now()) / timedelta(hours=1)


@hospital.get("/breaches")
@requires(MANAGE_BREACHES)
def breaches_index() -> Response:
    """Show the register, open ones first."""
    return render(
        "hospital/breaches/index.html", breaches=list_breaches(), said=said, hours_left=hours_left, now=clock.now()
    )


@hospital.route("/breaches/new", methods=["GET", "POST"])
@requires(MANAGE_BREACHES)
def breaches_new() -> BaseResponse:
    """Write down a breach; the clock runs from its discovery."""
    form = BreachForm()
    if form.validate_on_submit() and (facts := form.facts()) is not None:
        try:
            row = register_breach(current_actor(), facts)
        except InvalidValue as error:
            form.add_error("title", error)
        else:
            flash(_("Breach %(code)s is registered.", code=row.code), "success")
            return see_other(url_for("hospital.breaches_show", breach_id=row.id))
    return _form_page(form, None)


@hospital.route("/breaches/<uuid:breach_id>/edit", methods=["GET", "POST"])
@requires(MANAGE_BREACHES)
def breaches_edit(breach_id: UUID) -> BaseResponse:
    """Correct what is known of a breach."""
    row, _entries = get_breach(breach_id)
    form = BreachForm(data=values_of(row))
    if form.validate_on_submit() and (facts := form.facts()) is not None:
        try:
            change_breach(current_actor(), breach_id, form.version.data or 0, facts)
        except (InvalidValue, Conflict) as error:
            form.add_error("title", error)
        else:
            flash(_("The breach is changed."), "success")
            return see_other(url_for("hospital.breaches_show", breach_id=breach_id))
    return _form_page(form, breach_id)


@hospital.get("/breaches/<uuid:breach_id>")
@requires(MANAGE_BREACHES)
def breaches_show(breach_id: UUID) -> Response:
    """Show a breach: its clock, what is known, those affected, and its history."""
    return _show(breach_id)


@hospital.get("/breaches/<uuid:breach_id>/notice")
@requires(MANAGE_BREACHES)
def breaches_notice(breach_id: UUID) -> Response:
    """Show the notice to the authority as a page to print."""
    row, _entries = get_breach(breach_id)
    counts = count_affected(breach_id)
    return render("hospital/breaches/notice.html", breach=row, counts=counts, categories=CATEGORY, now=clock.now())


@hospital.post("/breaches/<uuid:breach_id>/notes")
@requires(MANAGE_BREACHES)
def breaches_note(breach_id: UUID) -> BaseResponse:
    """Add a line to the history."""
    form = NoteForm()
    if form.validate_on_submit():
        add_note(current_actor(), breach_id, form.note.data)
        return see_other(url_for("hospital.breaches_show", breach_id=breach_id))
    return _show(breach_id, note_form=form)


@hospital.post("/breaches/<uuid:breach_id>/notification")
@requires(MANAGE_BREACHES)
def breaches_notify(breach_id: UUID) -> BaseResponse:
    """Write down that the authority was notified; the clock stops."""
    form = VersionForm()
    if form.validate_on_submit():
        mark_notified(current_actor(), breach_id, form.version.data)
        flash(_("The clock has stopped."), "success")
    return see_other(url_for("hospital.breaches_show", breach_id=breach_id))


@hospital.post("/breaches/<uuid:breach_id>/closing")
@requires(MANAGE_BREACHES)
def breaches_close(breach_id: UUID) -> BaseResponse:
    """Close a breach."""
    form = VersionForm()
    if form.validate_on_submit():
        close_breach(current_actor(), breach_id, form.version.data)
        flash(_("The breach is closed."), "success")
    return see_other(url_for("hospital.breaches_show", breach_id=breach_id))


@hospital.post("/breaches/<uuid:breach_id>/affected/log")
@requires(MANAGE_BREACHES)
def breaches_add_from_log(breach_id: UUID) -> BaseResponse:
    """Add everybody whom a person or an address has seen in a period."""
    form = LogForm()
    if form.validate_on_submit():
        since, until = form.moment("since"), form.moment("until")
        if since is not None and until is not None:
            try:
                added = add_from_log(
                    current_actor(), breach_id, since=since, until=until, username=form.username.data or "",
                    address=form.address.data or "",
                )  # fmt: skip
            except (InvalidValue, Conflict) as error:
                form.add_error("username", error)
            else:
                flash(_("%(count)s patients were added.", count=added), "success")
                return see_other(url_for("hospital.breaches_show", breach_id=breach_id))
    return _show(breach_id, log_form=form)


@hospital.post("/breaches/<uuid:breach_id>/affected/codes")
@requires(MANAGE_BREACHES)
def breaches_add_by_codes(breach_id: UUID) -> BaseResponse:
    """Add patients by their codes, typed or from a CSV file."""
    form = CodesForm()
    if form.validate_on_submit():
        uploaded = form.file.data.read(LARGEST_FILE).decode("utf-8", "replace") if form.file.data else ""
        by = AddedBy.FILE if uploaded else AddedBy.HAND
        try:
            added, unknown = add_by_codes(current_actor(), breach_id, f"{form.codes.data or ''}\n{uploaded}", by)
        except (InvalidValue, Conflict) as error:
            form.add_error("codes", error)
        else:
            flash(_("%(count)s patients were added.", count=added), "success")
            if unknown:
                flash(_("Nobody has these codes: %(codes)s", codes=", ".join(unknown[:20])), "warning")
            return see_other(url_for("hospital.breaches_show", breach_id=breach_id))
    return _show(breach_id, codes_form=form)


@hospital.post("/breaches/<uuid:breach_id>/letters")
@requires(MANAGE_BREACHES)
@asks_again
def breaches_letters(breach_id: UUID) -> BaseResponse:
    """Write to those affected who were not written to yet."""
    count = queue_letters(current_actor(), breach_id)
    flash(_("%(count)s letters are on their way, or to be sent on paper.", count=count), "success")
    return see_other(url_for("hospital.breaches_show", breach_id=breach_id))


def _form_page(form: BreachForm, breach_id: UUID | None) -> Response:
    failed = bool(form.errors)
    return render(
        "hospital/breaches/form.html",
        form=form,
        breach_id=breach_id,
        has_errors=failed,
        status=422 if failed else 200,
    )


def _show(
    breach_id: UUID,
    *,
    log_form: LogForm | None = None,
    codes_form: CodesForm | None = None,
    note_form: NoteForm | None = None,
) -> Response:
    row, entries = get_breach(breach_id)
    failed = any(form is not None and form.errors for form in (log_form, codes_form, note_form))
    return render(
        "hospital/breaches/show.html",
        breach=row,
        entries=entries,
        affected=list_affected(current_actor(), breach_id, request.args.get("page", 1, type=int)),
        counts=count_affected(breach_id),
        log_form=log_form or LogForm(formdata=None),
        codes_form=codes_form or CodesForm(formdata=None),
        note_form=note_form or NoteForm(formdata=None),
        categories=CATEGORY,
        said=said,
        hours=hours_left(row.notify_by),
        has_errors=failed,
        status=422 if failed else 200,
    )
