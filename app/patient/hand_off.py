"""Coming in from the front door: a token that works once, within a minute, at the hospital it was made at."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.config import Settings
from app.core import clock
from app.core.permissions import public
from app.domain.identity.front_door import HandOffRefused, redeem_hand_off
from app.domain.identity.totp import is_enrolled
from app.patient import patient
from app.patient.identity import note_session
from app.web.principals import current_actor, open_session
from app.web.render import see_other
from app.web.security import limiter
from app.web.sign_in import SECOND_FACTOR_SECONDS


@patient.post("/hand-off")
@public
@limiter.limit("30/minute")
def hand_off() -> BaseResponse:
    """Redeem a hand-off; who has a second factor is asked for it next."""
    if not _comes_from_the_platform():
        raise HandOffRefused
    account = redeem_hand_off(request.args.get("token", ""))
    if is_enrolled(account):
        session["second_factor"] = {
            "account": str(account.id),
            "until": clock.now().timestamp() + SECOND_FACTOR_SECONDS,
            "next": "",
        }
        return see_other(url_for("patient.second_factor"))
    open_session(account)
    note_session(current_actor(), "session.begin", account)
    return see_other(url_for("patient.home"))


hand_off.proves_itself = True  # type: ignore[attr-defined]


def _comes_from_the_platform() -> bool:
    """Tell whether the browser was sent by our own pages, so that nobody can be signed in to a stranger's account.

    In host mode front door and hospital are two origins of one site. A browser that says nothing is refused.
    """
    settings: Settings = current_app.extensions["settings"]
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin" or (site == "same-site" and settings.hospital_host_suffix is not None)
    origin = request.headers.get("Origin") or _origin_of(request.headers.get("Referer", ""))
    return origin in {request.host_url.rstrip("/"), _origin_of(settings.base_url)}


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
