"""A patient's own record: every visit, and who has looked."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Response, request

from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.appointments.own_visits import list_visits
from app.domain.audit.queries import list_own_look_days
from app.domain.identity.permissions import OWN_RECORD
from app.domain.paging import Page, offset_of
from app.patient import patient
from app.patient.own import own_patient_id
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render
from app.web.templates import hospital_zone

VISITS_PER_PAGE = 10
LOOKS_PER_PAGE = 20
LAST_PAGE = 10_000

declare_menu("patient.record_index", _l("Record"), "file-text", OWN_RECORD, 30)


@patient.get("/record")
@requires(OWN_RECORD)
def record_index() -> Response:
    """List all visits, coming and past, with their diagnoses."""
    page = _page_number()
    offset = offset_of(page, VISITS_PER_PAGE)
    rows, total = list_visits(current_actor(), own_patient_id(), limit=VISITS_PER_PAGE, offset=offset)
    return render("patient/record/index.html", visits=Page(rows, page, VISITS_PER_PAGE, total))


@patient.get("/record/access")
@requires(OWN_RECORD)
def record_access() -> Response:
    """Show who has looked at the record, when, and at what; one's own looks only when they are asked for."""
    page, others = _page_number(), request.args.get("who") != "everybody"
    looks, total = list_own_look_days(
        current_actor(),
        own_patient_id(),
        str(hospital_zone()),
        limit=LOOKS_PER_PAGE,
        offset=offset_of(page, LOOKS_PER_PAGE),
        others_only=others,
    )
    shown = Page(looks, page, LOOKS_PER_PAGE, total)
    return render("patient/record/access.html", looks=shown, others=others, what=all_seen)


def all_seen(actions: Iterable[str]) -> str:
    """Say in plain words everything that somebody saw, each thing once."""
    return "; ".join(dict.fromkeys(seen_words(action) for action in actions))


def seen_words(action: str) -> str:
    """Say in plain words what somebody saw."""
    subject, _dot, kind = action.partition(".")
    if subject == "own":
        return _own_words(kind)
    if action == "patient.search":
        return _("Your name in a search")
    if action in ("patient.access", "audit.search"):
        return _("Who has looked at your record")
    known = {
        "worklist": _("Your name in the day's list of visits"),
        "visit": _("Your visit"),
        "appointment": _("Your visit"),
        "vitals": _("Your vital signs"),
        "record": _("Your medical record"),
        "prescription": _("Your prescription"),
        "document": _("Your documents"),
        "patient": _("Your personal data"),
        "message": _("Messages that the hospital sent you"),
    }
    return known.get(subject) or _("Your data at the hospital")


def _own_words(kind: str) -> str:
    return {
        "home": _("Your first page"),
        "appointments": _("Your visits"),
        "appointment": _("Your visit"),
        "visit": _("Your visit"),
        "prescription": _("Your prescription"),
        "prescriptions": _("Your prescriptions"),
        "record": _("Your record"),
        "profile": _("Your personal data"),
        "access_log": _("Who has looked at your record"),
        "results": _("Your test results"),
        "result": _("Your test results"),
        "documents": _("Your documents"),
        "document": _("Your documents"),
    }.get(kind, _("Your data at the hospital"))


def _page_number() -> int:
    return min(max(request.args.get("page", 1, int), 1), LAST_PAGE)
