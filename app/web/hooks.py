"""What other systems call by themselves: the SMS gateway with delivery reports and replies.

A call proves itself by its signature and carries neither cookie nor form token. Whoever cannot sign is soon not even
answered; an answer tells nothing about messages.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.core.errors import NotFound, VienError
from app.core.logging import get_logger
from app.core.permissions import public
from app.domain.messages.gateway_store import hook_secret
from app.domain.messages.hook import NotSigned, Reply, check_signature, read_call
from app.domain.messages.replies import handle_reply
from app.domain.messages.reports import record_delivery
from app.tenancy.binding import find_bound_hospital
from app.web.guards import guard
from app.web.security import limiter

log = get_logger(__name__)

LARGEST_CALL = 16 * 1024
PROVIDER = "sms"
CALLS = "6000/minute"
WRONG_CALLS = "20/minute"

hooks = Blueprint("hooks", __name__, url_prefix="/hooks")
guard(hooks)


@hooks.post("/sms")
@public
@limiter.limit(CALLS)
@limiter.limit(WRONG_CALLS, deduct_when=lambda response: response.status_code == NotSigned.status)
def sms() -> Response:
    """Take a delivery report or a reply from the SMS gateway of this hospital."""
    if find_bound_hospital() is None:
        raise NotFound
    try:
        _take()
    except VienError as error:
        log.warning("call of the gateway refused", error=type(error).__name__)
        return Response(status=error.status)
    return Response(status=204)


sms.proves_itself = True  # type: ignore[attr-defined]


def _take() -> None:
    if (request.content_length or 0) > LARGEST_CALL:
        raise NotSigned
    body = request.get_data(cache=False)
    if len(body) > LARGEST_CALL:
        raise NotSigned
    timestamp, signature = (request.headers.get(f"X-Vien-{name}", "") for name in ("Timestamp", "Signature"))
    check_signature(hook_secret(), timestamp, signature, body)
    call = read_call(body)
    if isinstance(call, Reply):
        handle_reply(call.sender, call.text, f"{PROVIDER}:{call.provider_id}")
    else:
        record_delivery(PROVIDER, call.provider_id, call.state, call.at, reference=call.reference, detail=call.detail)
