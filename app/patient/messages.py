"""What the hospital wrote to a patient, and the browsers that tell the patient of it."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import OWN_APPOINTMENTS
from app.domain.messages import words
from app.domain.messages.devices import list_devices, list_endpoints, switch_off, switch_on
from app.domain.messages.models import Channel
from app.domain.messages.own import list_own_messages
from app.domain.messages.vapid import public_key
from app.domain.messages.ways import available_channels
from app.patient import patient
from app.patient.own import own_patient_id
from app.web.account import declare_account_section, own_principal
from app.web.principals import Principal, current_actor
from app.web.render import render, see_other

POSITION = 50


@patient.get("/messages")
@requires(OWN_APPOINTMENTS)
def messages_index() -> Response:
    """Show what the hospital wrote."""
    found = list_own_messages(current_actor(), own_patient_id())
    return render("patient/messages/index.html", messages=found, said=words)


@patient.post("/messages/notifications")
@requires(OWN_APPOINTMENTS)
def push_on() -> BaseResponse:
    """Have this browser tell of messages."""
    typed = {name: request.form.get(name, "") for name in ("endpoint", "p256dh", "auth")}
    agent = request.headers.get("User-Agent")
    try:
        switch_on(current_actor(), own_principal().id, own_patient_id(), **typed, user_agent=agent)
    except InvalidValue as error:
        flash(error.message, "warning")
    else:
        flash(_("This browser tells you of messages from now on."), "success")
    return see_other(url_for("patient.account") + "#notifications")


@patient.post("/messages/notifications/off")
@requires(OWN_APPOINTMENTS)
def push_off() -> BaseResponse:
    """Have a browser tell of messages no more: the one that is named, or this one."""
    named = parse_id(request.args.get("device", ""))
    endpoint = request.form.get("endpoint", "")
    switch_off(current_actor(), own_principal().id, own_patient_id(), device_id=named, endpoint=endpoint)
    flash(_("The browser tells you of messages no more."), "success")
    return see_other(url_for("patient.account") + "#notifications")


def _facts(principal: Principal) -> dict[str, Any]:
    """Tell the page which browsers are known, by digests: an endpoint is a secret of the browser's maker."""
    endpoints = [hashlib.sha256(one.encode()).hexdigest() for one in list_endpoints(principal.id)]
    return {
        "devices": list_devices(principal.id),
        "endpoints": endpoints,
        "key": public_key(),
        "offered": Channel.PUSH in available_channels(),
    }


declare_account_section("patient", "patient/messages/section.html", POSITION, _facts)
