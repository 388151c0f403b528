"""Answering a message by its link, without signing in: will come or will not, take an offered time or leave it.

Reading the page does nothing: machines that look at links in messages confirm and cancel nobody's visit.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict
from app.core.permissions import public
from app.domain.appointments.answering import (
    Answerable,
    AskedVisit,
    NotToBeConfirmed,
    call_off_visit,
    confirm_visit,
    look_up_visit,
)
from app.domain.appointments.models import ConfirmedVia
from app.domain.messages.answer_tokens import AnswerLink, BadLink, Subject, read_link
from app.domain.waiting.answering import AskedOffer, accept_offer, decline_offer, look_up_offer
from app.patient import patient
from app.web.forms import Form
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.security import limiter


@dataclass(frozen=True, slots=True)
class Page:
    """What the page of a link is about: one of the two."""

    visit: AskedVisit | None = None
    offer: AskedOffer | None = None


@patient.get("/answer/<string:token>")
@public
@limiter.limit("60/minute")
def answers_show(token: str) -> Response:
    """Show what can be answered; nothing is done."""
    return _show(token, read_link(token))


@patient.post("/answer/<string:token>")
@public
@limiter.limit("20/minute")
def answers_give(token: str) -> BaseResponse:
    """Do what was answered, once; whoever answers again is told how things stand."""
    link = read_link(token)
    try:
        _act(link, request.form.get("act", ""))
    except Conflict as error:
        return _show(token, link, error)
    return see_other(url_for("patient.answers_show", token=token))


def _act(link: AnswerLink, act: str) -> None:
    actor = current_actor()
    match link.subject, act:
        case Subject.VISIT, "confirm":
            confirm_visit(actor, link.id, ConfirmedVia.LINK, starts_at=link.until)
        case Subject.VISIT, "cancel":
            call_off_visit(actor, link.id, link.until, ConfirmedVia.LINK)
        case Subject.OFFER, "accept":
            accept_offer(actor, link.id)
        case Subject.OFFER, "decline":
            decline_offer(actor, link.id)
        case _:
            raise NotToBeConfirmed


def _show(token: str, link: AnswerLink, error: Conflict | None = None) -> Response:
    actor = current_actor()
    if link.subject is Subject.VISIT:
        page = Page(visit=look_up_visit(actor, link.id, link.until))
    elif link.subject is Subject.OFFER:
        page = Page(offer=look_up_offer(actor, link.id))
    else:
        raise BadLink
    return render(
        "patient/answers/show.html",
        page=page,
        token=token,
        form=Form(formdata=None),
        error=error,
        states=Answerable,
        has_errors=error is not None,
        status=error.status if error else 200,
    )
