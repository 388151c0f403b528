"""By which a browser is known again: a random cookie of its own per portal and hospital, of which a digest is kept.

It opens nothing and is no second factor; it only lets a sign-in from an unknown device be told to the account's owner.
"""

from __future__ import annotations

import re

from flask import after_this_request, current_app, request
from werkzeug.wrappers import Response as BaseResponse

from app.core.ids import hash_token, new_token

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
KEPT_SECONDS = 400 * 24 * 3600  # the longest that browsers keep a cookie


def device_cookie() -> str:
    """Return the name of the cookie, which follows the session's."""
    return current_app.session_interface.get_cookie_name(current_app) + "-device"


def know_device() -> bytes:
    """Return the digest by which this browser is known; one that is not known yet is given a name with the answer."""
    given = request.cookies.get(device_cookie(), "")
    if TOKEN.fullmatch(given):
        return hash_token(given)
    name, token = device_cookie(), new_token()

    @after_this_request
    def remember(response: BaseResponse) -> BaseResponse:
        response.set_cookie(
            name,
            token,
            max_age=KEPT_SECONDS,
            path=current_app.session_interface.get_cookie_path(current_app),
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )
        return response

    return hash_token(token)
