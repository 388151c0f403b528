"""The bell: what happened that concerns oneself, how much of it is unread, and the way to its subject."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import NotFound, Text
from app.core.i18n import _l
from app.core.permissions import signed_in_only
from app.domain.notices.operations import MOST_COUNTED, count_unread, list_notices, read_all, read_notice
from app.hospital import hospital
from app.tenancy.binding import has_revision, needs_revision
from app.web.principals import find_principal
from app.web.render import render, see_other

KINDS: dict[str, Text] = {
    "appointment.check_in": _l("Your patient has arrived"),
    "appointment.cancel": _l("A visit with you was cancelled"),
    "lab_report.critical": _l("Critical values in a test that you ordered"),
    "lab_report.correct": _l("A result that you ordered was corrected"),
}


@hospital.get("/notifications")
@signed_in_only
def notices_index() -> Response:
    """List what happened, the newest first."""
    needs_revision("h014")
    page = request.args.get("page", 1, type=int)
    return render("hospital/notices/index.html", notices=list_notices(_own_id(), page), kinds=KINDS)


@hospital.get("/notifications/bell")
@signed_in_only
def notices_bell() -> Response:
    """Show how many are unread; asked for by every open page."""
    unread = count_unread(_own_id()) if has_revision("h014") else 0
    return render("hospital/notices/bell.html", block="bell", unread=unread, most=MOST_COUNTED)


@hospital.post("/notifications/<uuid:notice_id>")
@signed_in_only
def notices_read(notice_id: UUID) -> BaseResponse:
    """Note that one was read, and go to what it is about."""
    subject = read_notice(_own_id(), notice_id)
    if subject is None:
        raise NotFound
    subject_type, subject_id = subject
    if subject_type == "appointment":
        return see_other(url_for("hospital.visits_show", appointment_id=subject_id))
    if subject_type == "lab_report":
        return see_other(url_for("hospital.lab_inbox_index"))
    return see_other(url_for("hospital.notices_index"))


@hospital.post("/notifications/read")
@signed_in_only
def notices_read_all() -> BaseResponse:
    """Note that all were read."""
    needs_revision("h014")
    read_all(_own_id())
    return see_other(url_for("hospital.notices_index"))


def _own_id() -> UUID:
    person = find_principal()
    assert person is not None
    return person.id
