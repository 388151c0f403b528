"""A test client that looks at every page it gets, and sends forms as a browser would."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.authenticator import TOTP_SECRET, code_of, forget_used_codes, key_on

CSRF = re.compile(r'name="csrf_token"[^>]*?value="([^"]+)"')
ID = re.compile(r'\sid="([^"]+)"')
VARIABLE = re.compile(r'(?:value|nonce|content)="[^"]*"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
BARE_STYLE = re.compile(r"<[^>]+\s(?:style|on[a-z]+)=")


class CheckingClient(FlaskClient):
    """Flask's client; a page that is not a proper page fails the test that asked for it."""

    person: Any = None
    hospital: str | None = None
    authenticator: str | None = TOTP_SECRET  # None for a browser whose second factor the test shows itself

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request and check the page that comes back."""
        response = super().open(*args, **kwargs)
        if response.mimetype == "text/html" and not 300 <= response.status_code < 400:
            check_page(response.get_data(as_text=True))
        return response

    def submit(
        self, url: str, data: dict[str, Any] | None = None, *, page: str | None = None, **kwargs: Any
    ) -> TestResponse:
        """Send a form: take its token from the page it stands on (the same address unless told), then post."""
        token = self.csrf_token(page or url)
        response = self.post(url, data={"csrf_token": token, **(data or {})}, **kwargs)
        return self.show_second_factor(response) if url.endswith("/sign-in") else response

    def show_second_factor(self, response: TestResponse) -> TestResponse:
        """Answer with the app of who signs in where the second factor is asked for, or set one up where one is due."""
        path = urlsplit(response.location or "").path
        if self.authenticator is None or not path.endswith(("/second-factor", "/second-factor/new")):
            return response
        if path.endswith("/new"):
            self.authenticator = key_on(self.get(path).get_data(as_text=True))
        else:
            forget_used_codes(self.application, path)
        return self.submit(path, {"code": code_of(self.authenticator)})

    def csrf_token(self, page: str) -> str:
        """Return the form token of a page."""
        found = CSRF.search(self.get(page, follow_redirects=True).get_data(as_text=True))
        assert found, f"no form token on {page}"
        return found.group(1)


def said_by(response: TestResponse) -> str:
    """Return what a page says, without what differs from one request to the next: tokens (they hold the time), ids."""
    return VARIABLE.sub("", response.get_data(as_text=True))


def check_page(html: str) -> None:
    """Assert what must hold of every page and fragment: unique ids, nothing inline; a title, a heading, a language."""
    repeated = [name for name, count in Counter(ID.findall(html)).items() if count > 1]
    assert not repeated, f"ids stand twice on one page: {repeated}"
    assert not BARE_STYLE.search(html), "inline style or handler: the content security policy refuses it"
    if "<html" in html:
        assert re.search(r'<html[^>]*\slang="(vi|en)"', html), "a page says its language"
        assert re.search(r"<title>\s*\S", html), "a page has a title"
        assert len(re.findall(r"<h1[\s>]", html)) == 1, "a page has one main heading"
