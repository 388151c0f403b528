"""Signing somebody in without the pages before it: a proven person goes through the last step that everybody takes.

Only a test client can say whom it has proven, in a place of the WSGI environment that no network reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Flask, request
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from app.admin.identity import PORTAL as ADMIN
from app.domain.identity.second_factor import has_second_factor
from app.hospital.identity import PORTAL as HOSPITAL
from app.patient.identity import PORTAL as PATIENT
from app.web.sign_in import Portal, after_password, complete_sign_in
from tests.support.client import CheckingClient

PROVEN = "vien.tests.proven"
PORTALS = {"admin": ADMIN, "hospital": HOSPITAL, "patient": PATIENT}


def take_the_proven(app: Flask) -> None:
    """Have the sign-in pages of an application under test take whom a test client has proven."""
    for name, portal in PORTALS.items():
        endpoint = f"{name}.sign_in"
        app.view_functions[endpoint] = _taking(portal, app.view_functions[endpoint])


def sign_in_proven(browser: CheckingClient, url: str, account_id: UUID) -> TestResponse:
    """Sign an account in whose password and second factor count as shown."""
    config = browser.application.config
    kept, config["WTF_CSRF_METHODS"] = config["WTF_CSRF_METHODS"], set()  # there was no form to carry a token
    try:
        response = browser.post(url, environ_overrides={PROVEN: account_id})
    finally:
        config["WTF_CSRF_METHODS"] = kept
    return browser.show_second_factor(response)


def _taking(portal: Portal, sign_in: Callable[[], Any]) -> Callable[[], Any]:
    @wraps(sign_in)
    def take() -> Response | Any:
        account_id = request.environ.get(PROVEN)
        if account_id is None:
            return sign_in()
        account = portal.find_account(account_id)
        if has_second_factor(account):
            return complete_sign_in(portal, account, None, "app")
        return after_password(portal, account, None)

    return take
