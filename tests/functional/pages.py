"""A page that is watched: script errors, refused content, failed loads, and what axe finds."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page

from tests.functional.words import vi
from tests.support.authenticator import TOTP_SECRET, code_of

AXE = Path(__file__).parent / "axe" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LEFT, MOVES = "Execution context was destroyed", 3
OVERTAKEN = ("ERR_ABORTED", "interrupted by another navigation")
PICTURES = Path(__file__).parents[2] / ("docs/pictures" if os.environ.get("PICTURES") else "var/pictures")


class Watched:
    """A browser's page together with everything that went wrong on it."""

    def __init__(self, page: Page, *, javascript: bool) -> None:
        self.page = page
        self.javascript = javascript
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(f"script error on {page.url}: {error}"))
        page.on("console", self._hear)
        page.on("response", self._see)

    def open(self, path: str) -> None:
        """Open an address; again where the present page was about to leave by itself."""
        for turn in range(MOVES):
            try:
                self.page.goto(path)
                return
            except Error as error:
                if turn == MOVES - 1 or not any(word in error.message for word in OVERTAKEN):
                    raise

    def go(self, path: str) -> None:
        """Open an address and look at what is there."""
        self.open(path)
        self.look()

    def look(self, picture: str | None = None, *, full: bool = False) -> None:
        """Check the present page with axe; keep a picture of it where a name is given."""
        self.page.wait_for_load_state("load")
        if self.javascript:
            findings = self._violations_where_it_rests()
            assert not findings, f"{self.page.url}: {json.dumps(findings, ensure_ascii=False, indent=1)}"
        if picture and self.javascript:
            self.page.evaluate("scrollTo(0, 0)")
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=PICTURES / f"{picture}.png", full_page=full)

    def _violations_where_it_rests(self) -> list[dict[str, Any]]:
        """Check the page; one that goes on by itself meanwhile is checked where it arrives."""
        for _ in range(MOVES):
            try:
                return violations(self.page)
            except Error as error:
                if LEFT not in error.message:
                    raise
                self.page.wait_for_load_state("load")
        raise AssertionError(f"{self.page.url} does not come to rest")

    def fill(self, label: str, value: str) -> None:
        """Type into the field with this label."""
        self.page.get_by_label(label, exact=True).fill(value)

    def press(self, name: str) -> None:
        """Press the button with this name and look at the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).first.click()
        self.look()

    def show_code(self) -> None:
        """Enter what the authenticator app shows, where a sign-in asks for it."""
        self.fill(vi("Six-digit code"), code_of(TOTP_SECRET))
        self.press(vi("Confirm"))

    def follow(self, name: str) -> None:
        """Follow the link with this name and look at the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name).first.click()
        self.look()

    def says(self, text: str) -> bool:
        """Tell whether the page shows a text."""
        return self.page.get_by_text(text).first.is_visible()

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console on {self.page.url}: {message.text}")

    def _see(self, response: Any) -> None:
        if response.status == 503 and "/live?" in response.url:
            return  # somebody with many pages open is told so, and the page asks by itself
        if response.status >= 500 or (response.status == 404 and "/static/" in response.url):
            self.faults.append(f"{response.status} for {response.url}")


def violations(page: Page) -> list[dict[str, Any]]:
    """Return what axe finds against WCAG 2.2 A and AA, target size included."""
    page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate(
        """async tags => (await axe.run(document, {
            runOnly: {type: 'tag', values: tags}, rules: {'target-size': {enabled: true}},
        })).violations.map(v => ({rule: v.id, help: v.help, nodes: v.nodes.map(
            n => n.html.slice(0, 200) + ' — ' + n.failureSummary.slice(0, 300))}))""",
        TAGS,
    )
    return found


@cache
def _axe() -> str:
    return AXE.read_text() + "; undefined"
