"""Coming in from the front door: a token that works once, within a minute, at the hospital it was made at."""

from __future__ import annotations

from flask import current_app, request
from werkzeug.wrappers import Response as BaseResponse

from app.core.permissions import public
from app.domain.identity.front_door import HandOffRefused, redeem_hand_off
from app.patient import patient
from app.patient.identity import PORTAL
from app.web.origins import comes_from_the_platform
from app.web.security import limiter
from app.web.sign_in import after_password


@patient.post("/hand-off")
@public
@limiter.limit("30/minute")
def hand_off() -> BaseResponse:
    """Redeem a hand-off; who has a second factor is asked for it next."""
    if not comes_from_the_platform(current_app.extensions["settings"]):
        raise HandOffRefused
    return after_password(PORTAL, redeem_hand_off(request.args.get("token", "")), None)


hand_off.proves_itself = True  # type: ignore[attr-defined]
