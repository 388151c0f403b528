"""The inbox of results: what came of what one ordered, until one has reviewed it."""

from __future__ import annotations

from flask import Response, request

from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import ORDER_TESTS
from app.domain.laboratory.errors import SINCE
from app.domain.laboratory.inbox import count_inbox, list_inbox
from app.hospital import hospital, lab_words
from app.tenancy.binding import has_revision
from app.web.menu import declare_menu
from app.web.principals import current_actor, find_principal
from app.web.render import render

declare_menu("hospital.lab_inbox_index", _l("Results"), "flask-conical", ORDER_TESTS, 25)


@hospital.get("/results")
@requires(ORDER_TESTS)
def lab_inbox_index() -> Response:
    """Show the results that wait for this person's review, the critical ones first."""
    person = find_principal()
    assert person is not None
    inbox = list_inbox(current_actor(), person.id, request.args.get("page", 1, type=int))
    return render("hospital/laboratory/inbox.html", inbox=inbox, lab=lab_words)


@hospital.get("/results/count")
@requires(ORDER_TESTS)
def lab_inbox_count() -> Response:
    """Say how many results wait; asked for by the day's page once it is shown."""
    person = find_principal()
    assert person is not None
    count = count_inbox(current_actor(), person.id) if has_revision(SINCE) else 0
    return render("hospital/laboratory/inbox_count.html", block="count", count=count)
