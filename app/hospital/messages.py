"""The ledger of messages: what was written to patients, what became of it, and what only a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_MESSAGES, VIEW_MESSAGES
from app.domain.messages import words
from app.domain.messages.decisions import NotToBeDecided, send_again, take_as_delivered
from app.domain.messages.ledger import (
    Wanted,
    count_unknown,
    mask,
    open_message,
    search_messages,
    summarise_months,
)
from app.domain.messages.models import Channel, MessageState
from app.domain.paging import Page
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.web.periods import read_period
from app.web.principals import current_actor
from app.web.render import render, see_other

USUAL_DAYS = 30
LONGEST = 40

declare_administration(
    "hospital.messages_index",
    _l("Messages"),
    _l("What was written to patients, by which words and ways, and what it cost"),
    VIEW_MESSAGES,
    55,
)
hospital.context_processor(lambda: {"message_tabs": message_tabs})


@hospital.get("/messages")
@requires(VIEW_MESSAGES)
def messages_index() -> Response:
    """Show a page of the messages that fit what is looked for."""
    wanted, errors = read_wanted(request.args)
    number = request.args.get("page", 1, type=int)
    found: Page[Any] = search_messages(current_actor(), wanted, number) if not errors else Page((), 1, 1, 0)
    return render(
        "hospital/messages/index.html",
        status=422 if errors else 200,
        wanted=wanted,
        typed=request.args,
        errors=errors,
        page=found,
        unknown=count_unknown(),
        said=words,
        mask=mask,
        states=list(MessageState),
        channels=list(Channel),
        has_errors=bool(errors),
    )


@hospital.get("/messages/<uuid:message_id>")
@requires(VIEW_MESSAGES)
def messages_show(message_id: UUID) -> Response:
    """Show one message and all that became of it."""
    return render("hospital/messages/show.html", found=open_message(current_actor(), message_id), said=words)


@hospital.post("/messages/<uuid:message_id>/send-again")
@requires(VIEW_MESSAGES, MANAGE_MESSAGES)
def messages_send_again(message_id: UUID) -> BaseResponse:
    """Have a message sent once more, although it may have arrived."""
    try:
        send_again(current_actor(), message_id)
    except NotToBeDecided as error:
        flash(error.message, "warning")
    else:
        flash(_("The message is sent again."), "success")
    return see_other(url_for("hospital.messages_show", message_id=message_id))


@hospital.post("/messages/<uuid:message_id>/delivered")
@requires(VIEW_MESSAGES, MANAGE_MESSAGES)
def messages_take_as_delivered(message_id: UUID) -> BaseResponse:
    """Say that a message of which nobody knows has arrived."""
    try:
        take_as_delivered(current_actor(), message_id)
    except NotToBeDecided as error:
        flash(error.message, "warning")
    else:
        flash(_("The message counts as delivered."), "success")
    return see_other(url_for("hospital.messages_show", message_id=message_id))


@hospital.get("/messages/months")
@requires(VIEW_MESSAGES)
def messages_months() -> Response:
    """Show counts and cost by month."""
    rows = summarise_months()
    return render("hospital/messages/months.html", rows=rows, said=words, cost=sum(row.cost for row in rows))


def message_tabs(active: str) -> list[tuple[str, str, bool]]:
    """Return the ways between the pages about messages, as far as this person may go them."""
    actor = current_actor()
    tabs = [
        ("index", _("Ledger"), VIEW_MESSAGES),
        ("months", _("By month"), VIEW_MESSAGES),
        ("wordings", _("Words"), MANAGE_MESSAGES),
        ("channels", _("Channels"), MANAGE_MESSAGES),
    ]
    return [
        (label, url_for(f"hospital.messages_{name}"), name == active)
        for name, label, permission in tabs
        if actor.may(permission.code)
    ]


def read_wanted(typed: Mapping[str, str]) -> tuple[Wanted, dict[str, str]]:
    """Read what is looked for; return it with the errors by field. What is no state or channel means all."""
    since, until, errors = read_period(typed, USUAL_DAYS)
    state, channel = typed.get("state", ""), typed.get("channel", "")
    return (
        Wanted(
            state=MessageState(state) if state in set(MessageState) else None,
            channel=Channel(channel) if channel in set(Channel) else None,
            patient=typed.get("patient", "").strip()[:LONGEST],
            since=since,
            until=until,
        ),
        errors,
    )
