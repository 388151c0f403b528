"""What operators and the platform did, and to which hospital: searched, exported, held against its seals."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request, url_for

from app.admin import admin
from app.admin.words import ACTIONS
from app.core import clock
from app.core.errors import InvalidValue
from app.core.formats.tables import csv_lines, json_lines
from app.core.i18n import _l
from app.core.permissions import requires
from app.core.unit_of_work import apart
from app.domain.identity.permissions import VIEW_PLATFORM_AUDIT
from app.tenancy.audit import record_platform_change
from app.tenancy.audit_search import (
    Place,
    PlatformFound,
    PlatformWanted,
    list_faulty_checks,
    list_platform_actions,
    search_platform_log,
    stream_platform_rows,
)
from app.tenancy.queries import get_hospital, list_hospital_names
from app.tenancy.sealing.hospitals import find_last_check
from app.web.confirming import asks_again
from app.web.menu import declare_menu
from app.web.periods import place_text, read_period, read_place
from app.web.principals import current_actor
from app.web.render import render

USUAL_DAYS = 30
LONGEST = 100

declare_menu("admin.audit_index", _l("Audit log"), "shield-check", VIEW_PLATFORM_AUDIT, 30)


@admin.get("/audit")
@requires(VIEW_PLATFORM_AUDIT)
def audit_index() -> Response:
    """Show a page of the platform's log, newest first, as far as it fits what is looked for."""
    wanted, errors = read_wanted(request.args)
    found = search_platform_log(current_actor(), wanted) if not errors else PlatformFound(())
    return render(
        "admin/audit/index.html",
        status=422 if errors else 200,
        found=found,
        typed=request.args,
        errors=errors,
        names=list_hospital_names(),
        actions=sorted(((code, str(ACTIONS.get(code, code))) for code in list_platform_actions()), key=lambda a: a[1]),
        next_page=_next_page(found.next),
        check=find_last_check(None),
        faulty=list_faulty_checks(),
        has_errors=bool(errors),
    )


@admin.post("/audit/export")
@requires(VIEW_PLATFORM_AUDIT)
@asks_again
def audit_export() -> Response:
    """Send what fits as a file, as it comes from the database; the export itself is written down."""
    wanted, errors = read_wanted(request.form)
    if errors:
        raise InvalidValue(next(iter(errors.values())))
    form = "jsonl" if request.form.get("form") == "jsonl" else "csv"
    with apart() as session:
        facts = {"form": form, "since": wanted.since.isoformat(), "until": wanted.until.isoformat()}
        record_platform_change(
            session, current_actor(), "audit.export", subject_type="log", subject_id=None, changes=facts,
            hospital_id=wanted.hospital_id, risk="medium",
        )  # fmt: skip
    names, rows = stream_platform_rows(wanted)
    pieces = json_lines(rows) if form == "jsonl" else csv_lines(names, rows)
    answer = Response(pieces, mimetype="application/x-ndjson" if form == "jsonl" else "text/csv")
    name = f"platform-{clock.now():%Y%m%d-%H%M%S}.{form}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def read_wanted(typed: Mapping[str, str]) -> tuple[PlatformWanted, dict[str, str]]:
    """Read what is looked for; return it with the errors by field."""
    since, until, errors = read_period(typed, USUAL_DAYS)
    code = typed.get("hospital", "")
    texts = {name: typed.get(name, "").strip()[:LONGEST] for name in ("person", "action", "request_id")}
    wanted = PlatformWanted(
        since,
        until,
        get_hospital(code).id if code else None,
        **texts,
        after=read_place(typed.get("after", "")),
    )
    return wanted, errors


def _next_page(place: Place | None) -> str | None:
    if place is None:
        return None
    kept = {name: value for name, value in request.args.items() if value and name != "after"}
    return url_for("admin.audit_index", **kept, after=place_text(place))  # type: ignore[arg-type]
