"""The hospital's logs for its administrators: searched, exported, and how they stand against their seals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, flash, request, url_for
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import InvalidValue
from app.core.formats.tables import csv_lines, json_lines
from app.core.i18n import _, _l
from app.core.logging import get_logger
from app.core.permissions import requires
from app.domain.audit import words
from app.domain.audit.exporting import export_log
from app.domain.audit.retention import keep_for, list_certificates, years_kept
from app.domain.audit.searching import Found, Place, Wanted, Which, list_actions, search_logs
from app.domain.identity.permissions import EXPORT_AUDIT, MANAGE_RETENTION, VIEW_AUDIT
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.tenancy.binding import bound_hospital
from app.tenancy.models import AuditCheck
from app.tenancy.sealing.hospitals import find_last_check
from app.web.confirming import asks_again
from app.web.periods import place_text, read_period, read_place
from app.web.principals import current_actor
from app.web.render import render, see_other

log = get_logger(__name__)

USUAL_DAYS = 7
LONGEST = 100
TEXTS = ("person", "patient", "action", "request_id", "address", "basis")

declare_administration(
    "hospital.audit_index",
    _l("Audit and access logs"),
    _l("Who changed what, and who looked at whom"),
    VIEW_AUDIT,
    50,
)


@hospital.get("/audit")
@requires(VIEW_AUDIT)
def audit_index() -> Response:
    """Show a page of the changes or the looks that fit what is looked for."""
    return _show(request.args, {})


@hospital.post("/audit/export")
@requires(VIEW_AUDIT, EXPORT_AUDIT)
@asks_again
def audit_export() -> Response:
    """Send what fits as a file, as it comes from the database; the export itself is written down."""
    wanted, errors = read_wanted(request.form)
    if errors:
        raise InvalidValue(next(iter(errors.values())))
    form = "jsonl" if request.form.get("form") == "jsonl" else "csv"
    names, rows = export_log(current_actor(), wanted, form)
    pieces: Iterator[str] = json_lines(rows) if form == "jsonl" else csv_lines(names, rows)
    name = f"{bound_hospital().code}-{wanted.which.value}-{clock.now():%Y%m%d-%H%M%S}.{form}"
    answer = Response(pieces, mimetype="application/x-ndjson" if form == "jsonl" else "text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@hospital.post("/audit/retention")
@requires(VIEW_AUDIT, MANAGE_RETENTION)
@asks_again
def audit_retention() -> BaseResponse:
    """Say for how many years the logs are kept."""
    text = request.form.get("years", "").strip()
    try:
        keep_for(current_actor(), int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0)
    except InvalidValue as error:
        return _show({"years": text}, {"years": str(error)})
    flash(_("The logs are kept for %(years)s years.", years=text), "success")
    return see_other(url_for("hospital.audit_index"))


def _show(typed: Mapping[str, str], errors: dict[str, str]) -> Response:
    """Show what fits, the wrong fields beside what was typed into them."""
    wanted, wrong = read_wanted(typed)
    errors |= wrong
    found = search_logs(current_actor(), wanted) if not errors else Found(())
    return render(
        "hospital/audit/index.html",
        status=422 if errors else 200,
        wanted=wanted,
        typed=typed,
        errors=errors,
        found=found,
        next_page=_next_page(found.next),
        actions=sorted(((code, words.action_words(code)) for code in list_actions(wanted.which)), key=lambda a: a[1]),
        check=_find_check(),
        what=words,
        years=years_kept(),
        certificates=list_certificates(),
        has_errors=bool(errors),
    )


def read_wanted(typed: Mapping[str, str]) -> tuple[Wanted, dict[str, str]]:
    """Read what is looked for; return it with the errors by field. Days are the hospital's, both included."""
    since, until, errors = read_period(typed, USUAL_DAYS)
    texts = {name: typed.get(name, "").strip()[:LONGEST] for name in TEXTS}
    which = Which.LOOKS if typed.get("log") == Which.LOOKS.value else Which.CHANGES
    wanted = Wanted(which, since, until, **texts, after=read_place(typed.get("after", "")))
    return wanted, errors


def _next_page(place: Place | None) -> str | None:
    if place is None:
        return None
    kept: dict[str, Any] = {name: value for name, value in request.args.items() if value and name != "after"}
    return url_for("hospital.audit_index", **kept, after=place_text(place))


def _find_check() -> AuditCheck | None:
    """Ask the centre how the last check of the seals ended; None while it is away."""
    try:
        return find_last_check(bound_hospital().id)
    except DBAPIError as error:
        log.warning("the centre does not say how the logs stand", error=type(error).__name__)
        return None
