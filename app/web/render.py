"""One URL, one view, one template: a full page, or a named block of it for htmx."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, make_response, redirect, render_template, request
from jinja2_fragments.flask import render_block
from werkzeug.wrappers import Response as BaseResponse

VARY = ("HX-Request", "HX-Request-Type", "HX-History-Restore-Request")


def wants_fragment() -> bool:
    """Tell whether htmx asks for a part of the page: not for a restore, not for the whole."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Request-Type") != "full"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def render(template: str, *, block: str = "content", status: int = 200, **context: Any) -> Response:
    """Render a page, or one block of it for htmx."""
    body = render_block(template, block, **context) if wants_fragment() else render_template(template, **context)
    return make_response(body, status)


def see_other(url: str) -> BaseResponse:
    """Answer a successful form: go and see there. htmx is told by a header, so that it loads the whole page."""
    if request.headers.get("HX-Request") == "true":
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    moved = redirect(url, code=303)
    moved.set_data("")  # nobody reads it, and it would be in English
    return moved


def init_render(app: Flask) -> None:
    """Say on every page on what it depends, and that nobody may keep a page of a portal."""
    app.after_request(_headers)


def _headers(response: Response) -> Response:
    response.vary.update(VARY)
    if g.get("portal") is not None:
        response.headers["Cache-Control"] = "no-store"
    return response
