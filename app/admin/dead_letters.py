"""Work that was given up, as operators have it: finding, reading, having it done again, dismissing it with a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.dead_letters import DismissForm
from app.admin.words import ACTIONS
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_OPERATIONS, VIEW_HOSPITALS
from app.tenancy import dead_letters as letters
from app.tenancy.models import DeadLetterState, LetterSource
from app.tenancy.paging import page_number
from app.tenancy.queries import get_hospital, list_hospital_names
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

SOURCES: dict[str, Any] = {
    "job": _l("Job"),
    "event": _l("Event"),
    "message": _l("Message"),
}
STATES: dict[str, tuple[Any, str]] = {
    "open": (_l("Open"), "danger"),
    "retried": (_l("Done again"), "success"),
    "dismissed": (_l("Dismissed"), "neutral"),
}
REASONS: dict[str, Any] = {
    "killed": _l("The process that did it died."),
    "orphaned": _l("The worker and the process that did it died."),
    "timeout": _l("It took longer than it may."),
    "poison": _l("A consumer cannot take this event."),
    "refused unknown": _l("This release does not know such work."),
    "refused version": _l("It was asked for by another release."),
    "OperationalError": _l("A database did not answer."),
    "HospitalNotReady": _l("The hospital does not serve."),
}
ACTIONS.update(
    {
        "dead_letter.retry": _l("Given-up work done again"),
        "dead_letter.dismiss": _l("Given-up work dismissed"),
    }
)

declare_menu("admin.dead_letters_index", _l("Dead letters"), "octagon-alert", VIEW_HOSPITALS, 23)


@admin.context_processor
def _letter_words() -> dict[str, Any]:
    return {"LETTER_SOURCES": SOURCES, "LETTER_STATES": STATES}


@admin.get("/dead-letters")
@requires(VIEW_HOSPITALS)
def dead_letters_index() -> Response:
    """List what was given up, the newest first."""
    chosen = {name: request.args.get(name, "") for name in ("source", "name", "hospital")}
    chosen["state"] = request.args.get("state", "open")
    wanted = letters.LetterFilter(
        state=DeadLetterState(chosen["state"]) if chosen["state"] in set(DeadLetterState) else None,
        source=LetterSource(chosen["source"]) if chosen["source"] in set(LetterSource) else None,
        name=chosen["name"],
        hospital_id=get_hospital(chosen["hospital"]).id if chosen["hospital"] else None,
    )
    return render(
        "admin/dead_letters/index.html",
        letters=letters.list_dead_letters(wanted, page_number(request.args.get("page"))),
        names=letters.list_names(),
        hospitals=list_hospital_names(),
        chosen=chosen,
    )


@admin.get("/dead-letters/<uuid:letter_id>")
@requires(VIEW_HOSPITALS)
def dead_letters_show(letter_id: UUID) -> Response:
    """Show what was given up, and why."""
    return _page(letter_id, DismissForm(formdata=None))


@admin.post("/dead-letters/<uuid:letter_id>/retry")
@requires(MANAGE_OPERATIONS)
def dead_letters_retry(letter_id: UUID) -> BaseResponse:
    """Have it done again."""
    letters.retry_dead_letter(current_actor(), letter_id)
    flash(_("A worker has been asked to do it again."), "success")
    return see_other(url_for("admin.dead_letters_index"))


@admin.post("/dead-letters/<uuid:letter_id>/dismiss")
@requires(MANAGE_OPERATIONS)
def dead_letters_dismiss(letter_id: UUID) -> BaseResponse:
    """Say why it need not be done."""
    form = DismissForm()
    if form.validate_on_submit():
        try:
            letters.dismiss_dead_letter(current_actor(), letter_id, form.reason.data)
        except InvalidValue as error:
            form.add_error("reason", error)
        else:
            flash(_("Dismissed."), "success")
            return see_other(url_for("admin.dead_letters_index"))
    return _page(letter_id, form, status=422)


@admin.app_template_global()
def why_given_up(reason: str) -> Any:
    """Say a reason's code in words, where there are any."""
    return REASONS.get(reason, reason)


def _page(letter_id: UUID, form: DismissForm, status: int = 200) -> Response:
    return render(
        "admin/dead_letters/show.html",
        letter=letters.get_dead_letter(letter_id),
        form=form,
        has_errors=bool(form.errors),
        status=status,
    )
