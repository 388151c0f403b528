"""Reading the forms of a page, so that a test sends what a browser would."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from werkzeug.test import TestResponse


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._area: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {key: value or "" for key, value in attrs}
        name = facts.get("name", "")
        if tag == "input" and name:
            if facts.get("type") not in ("radio", "checkbox") or "checked" in facts:
                self.values[name] = facts.get("value", "")
        elif tag == "textarea":
            self._area, self.values[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in facts or self._select not in self.values):
            self.values[self._select] = facts.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.values[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            self.values[self._area] = self.values[self._area].removeprefix("\r\n").removeprefix("\n")
            self._area = None
        if tag == "select":
            self._select = None


def fields_of(page: TestResponse, **changes: Any) -> dict[str, Any]:
    """Return everything that the page's forms hold, with some of it changed."""
    fields = _Fields()
    fields.feed(page.get_data(as_text=True))
    return {**fields.values, **changes}
