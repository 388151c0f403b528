"""The hospital's long work: the list, one piece with live progress, cancelling, going on, fetching its files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Response, flash, make_response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import (
    EXPORT_APPOINTMENTS,
    EXPORT_PATIENTS,
    IMPORT_PATIENTS,
    MANAGE_LONG_WORK,
    REQUEUE_MESSAGES,
    VIEW_LONG_WORK,
)
from app.domain.longwork import registered  # noqa: F401 (it knows the kinds)
from app.domain.longwork.kinds import work_title
from app.domain.longwork.models import FilePurpose, LongWorkState
from app.domain.longwork.queries import ShownWork, fetch_file, get_work, list_work, may_fetch
from app.domain.longwork.requests import cancel_work, may_steer, retry_work
from app.domain.longwork.sent_files import TITLES
from app.domain.paging import Page
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other, wants_fragment

FOLLOWED_FOR = timedelta(hours=12)
STATES = {
    LongWorkState.PREPARED: (_l("Not begun"), "neutral"),
    LongWorkState.QUEUED: (_l("Waiting"), "neutral"),
    LongWorkState.RUNNING: (_l("Running"), "info"),
    LongWorkState.SUCCEEDED: (_l("Finished"), "success"),
    LongWorkState.FAILED: (_l("Failed"), "danger"),
    LongWorkState.CANCELLED: (_l("Cancelled"), "warning"),
}
COUNTS = {
    "patients": _l("Patients in the file"),
    "appointments": _l("Visits in the file"),
    "left_out": _l("Left out: not open to the role of who asked, or confidential"),
    "imported": _l("Newly registered"),
    "duplicate": _l("Known already, not registered again"),
    "refused": _l("Rows with an error"),
    "queued": _l("Messages sent again"),
    "left": _l("Messages left as they were"),
}
ARGUMENTS = {
    "file": _l("File"),
    "form": _l("Form"),
    "since": _l("From"),
    "until": _l("Until"),
}
WAYS = (
    ("hospital.long_work_export_patients", _l("Export patients"), _l("CSV or JSON Lines"), "download", EXPORT_PATIENTS),
    ("hospital.long_work_export_visits", _l("Export visits"), _l("Of a period"), "download", EXPORT_APPOINTMENTS),
    (
        "hospital.long_work_import_patients",
        _l("Import patients"),
        _l("From a CSV file, tried before anything is changed"),
        "upload",
        IMPORT_PATIENTS,
    ),
    (
        "hospital.long_work_requeue",
        _l("Send messages again"),
        _l("Those of a period that failed"),
        "refresh-cw",
        REQUEUE_MESSAGES,
    ),
)

declare_administration(
    "hospital.long_work_index",
    _l("Exports and imports"),
    _l("Long work in the background, with its progress and its files"),
    VIEW_LONG_WORK,
    85,
)


@hospital.get("/long-work")
@requires(VIEW_LONG_WORK)
def long_work_index() -> Response:
    """List the long work that this person asked for, the newest first."""
    return _list(list_work(request.args.get("page", 1, type=int), requested_by=current_actor().id), everybodys=False)


@hospital.get("/long-work/all")
@requires(VIEW_LONG_WORK, MANAGE_LONG_WORK)
def long_work_all() -> Response:
    """List everybody's long work, the newest first."""
    return _list(list_work(request.args.get("page", 1, type=int)), everybodys=True)


@hospital.get("/long-work/new")
@requires(VIEW_LONG_WORK)
def long_work_new() -> Response:
    """Show what long work this person may ask for."""
    actor = current_actor()
    ways = [way for way in WAYS if actor.may(way[4].code)]
    return render("hospital/long_work/new.html", ways=ways)


@hospital.get("/long-work/<uuid:work_id>")
@requires(VIEW_LONG_WORK)
def long_work_show(work_id: UUID) -> BaseResponse:
    """Show one piece of long work; the page follows it while it moves."""
    shown = get_work(work_id)
    if shown.row.state is LongWorkState.PREPARED and may_steer(current_actor(), shown.row):
        return see_other(url_for("hospital.long_work_columns", work_id=work_id))
    return render("hospital/long_work/show.html", **_context(shown))


@hospital.get("/long-work/<uuid:work_id>/progress")
@requires(VIEW_LONG_WORK)
def long_work_progress(work_id: UUID) -> BaseResponse:
    """Show how far it is; htmx is told to load the whole page once there is nothing to wait for."""
    shown = get_work(work_id)
    if wants_fragment() and not shown.moving:
        response = make_response("", 204)
        response.headers["HX-Refresh"] = "true"
        return response
    return render("hospital/long_work/progress.html", **_context(shown))


@hospital.post("/long-work/<uuid:work_id>/cancel")
@requires(VIEW_LONG_WORK)
def long_work_cancel(work_id: UUID) -> BaseResponse:
    """Have it stop behind its present batch."""
    work = cancel_work(current_actor(), work_id)
    if work.state is LongWorkState.CANCELLED:
        flash(_("The work is cancelled."), "success")
    return see_other(url_for("hospital.long_work_show", work_id=work_id))


@hospital.post("/long-work/<uuid:work_id>/retry")
@requires(VIEW_LONG_WORK)
def long_work_retry(work_id: UUID) -> BaseResponse:
    """Have it go on where it stopped."""
    retry_work(current_actor(), work_id)
    return see_other(url_for("hospital.long_work_show", work_id=work_id))


@hospital.post("/long-work/<uuid:work_id>/files/<any(result,refused):purpose>")
@requires(VIEW_LONG_WORK)
@asks_again
def long_work_fetch(work_id: UUID, purpose: str) -> Response:
    """Send a file of it, and write down that it was fetched."""
    name, media_type, size, content = fetch_file(current_actor(), work_id, FilePurpose(purpose))
    answer = Response(content, mimetype=media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["Content-Length"] = str(size)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _list(page: Page[Any], *, everybodys: bool) -> Response:
    return render("hospital/long_work/index.html", page=page, states=STATES, title_of=work_title, everybodys=everybodys)


def _context(shown: ShownWork) -> dict[str, Any]:
    actor, row = current_actor(), shown.row
    result = {**row.result, **({} if row.result else row.checkpoint.get("counts", {}))}
    return {
        "work": shown,
        "states": STATES,
        "steers": may_steer(actor, row),
        "fetches": may_fetch(actor, row),
        "counts": [(label, result[name]) for name, label in COUNTS.items() if name in result],
        "asked_for": [(label, row.arguments[name]) for name, label in ARGUMENTS.items() if name in row.arguments],
        "column_titles": TITLES,
        "asks_again": shown.moving and clock.now() - row.requested_at < FOLLOWED_FOR,
        "dry_run": bool(row.arguments.get("dry_run")),
    }
