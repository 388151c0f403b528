"""Acts that ask again, for the tests of asking."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, request

from app.core.permissions import signed_in_only
from app.web.confirming import asks_again
from app.web.guards import guard
from app.web.render import see_other


def make_acts(portal: str) -> Blueprint:
    """Return the pages, under /<portal>/acts."""
    acts = Blueprint(f"acts_{portal}", __name__, url_prefix=f"/{portal}/acts")
    guard(acts)

    @acts.get("/page")
    @signed_in_only
    @asks_again
    def page() -> str:
        return "the page"

    @acts.post("/do")
    @signed_in_only
    @asks_again(never_carry=("pin",))
    def act() -> Any:
        if request.form.get("wanted") == "mistake":
            return "typed wrong", 422
        if request.form.get("wanted") == "leave":
            flash("done", "status")
            return see_other("/elsewhere")
        return {name: request.form.getlist(name) for name in request.form}

    return acts
