"""The page for two people who edited the same thing: mine, theirs and what it was, field by field, to choose from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Response, make_response, render_template

from app.core.errors import Text

Shown = Callable[[str, str], Text]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which mine and theirs differ; `keep` says which of the two is proposed."""

    name: str
    label: Text
    was: Text
    mine: str
    theirs: str
    mine_shown: Text
    theirs_shown: Text
    keep: str


def _as_typed(_name: str, value: str) -> Text:
    return value


def show_conflict(
    *,
    layout: str,
    title: Text,
    changed_by: str,
    changed_at: datetime,
    action: str,
    view_url: str,
    labels: Mapping[str, Text],
    was: Mapping[str, str],
    mine: Mapping[str, str],
    theirs: Mapping[str, str],
    hidden: Mapping[str, object],
    shown: Shown = _as_typed,
) -> Response:
    """Answer 409 with a form that saves what is chosen; fields in which both agree go along unseen.

    A field that only one of the two has changed proposes that change; one that both have changed proposes mine.
    """
    rows = [
        Difference(
            name=name,
            label=label,
            was=shown(name, was.get(name, "")),
            mine=mine[name],
            theirs=theirs[name],
            mine_shown=shown(name, mine[name]),
            theirs_shown=shown(name, theirs[name]),
            keep="theirs" if mine[name] == was.get(name) else "mine",
        )
        for name, label in labels.items()
        if mine[name] != theirs[name]
    ]
    agreed = {name: mine[name] for name in labels if mine[name] == theirs[name]}
    body = render_template(
        "errors/conflict.html",
        layout=layout,
        title=title,
        changed_by=changed_by,
        changed_at=changed_at,
        action=action,
        view_url=view_url,
        rows=rows,
        hidden={**agreed, **hidden},
    )
    return make_response(body, 409)
