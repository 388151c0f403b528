"""Gate 1: every route answers everybody about everything as the matrix says, and shows nobody another's words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.isolation.asking import PORTALS, UNSAFE, Stage, observe, portal_of, routes, undone
from tests.isolation.lines import DRAFT, HEADER, read_matrix
from tests.isolation.people import anonymous


def test_every_route_has_a_line_and_every_line_a_route(app: Flask) -> None:
    lines = read_matrix()
    asked = {(method, rule.rule) for rule, method in routes(app)}
    assert sorted(asked - set(lines)) == [], f"routes without a line in matrix.csv: draft it with `{DRAFT}`, read it"
    assert sorted(set(lines) - asked) == [], f"lines in matrix.csv of routes that are gone: `{DRAFT}` takes them out"
    unread = [key for key, line in lines.items() if not line.is_reviewed]
    assert unread == [], "lines that nobody has read: check who may, then take the question mark away"


@pytest.mark.parametrize("portal", PORTALS)
def test_every_route_answers_as_the_matrix_says(stage: Stage, portal: str, record_property: Any) -> None:
    lines, wrong, count = read_matrix(), [], 0
    with undone():
        for rule, method in routes(stage.app):
            if portal_of(rule) != portal or (method, rule.rule) not in lines:
                continue
            count += 1
            kept = lines[method, rule.rule]
            found = replace(observe(stage, rule, method), what=kept.what)
            wrong += [
                f"{method} {rule.rule}: {title}: the matrix says {said!r}, the application answers {answered!r}"
                for title, said, answered in zip(HEADER, _cells(kept), _cells(found), strict=True)
                if said != answered
            ]
    assert (stage.leaks, stage.failures) == ([], [])
    assert wrong == [], "\n".join(wrong)
    record_property("isolation", {"gate": "matrix", "part": portal, "routes": count, "requests": stage.requests})


def test_methods_that_a_route_does_not_have_are_refused(stage: Stage) -> None:
    """405 for everybody, whoever asks and whatever about."""
    known: dict[str, set[str]] = {}
    for rule, _ in routes(stage.app):
        known.setdefault(rule.rule, set()).update(rule.methods or ())
    asked = set()
    for rule, _ in routes(stage.app):
        if rule.rule in asked:
            continue
        asked.add(rule.rule)
        portal = portal_of(rule)
        hospital = "beta" if portal in ("hospital", "patient") else None
        for person in [anonymous(portal, hospital), *stage.by_portal[portal][:1]]:
            for method in {"GET", *UNSAFE} - known[rule.rule]:
                assert stage.ask(person, rule, method) == 405, f"{method} {rule.rule}"
    assert (stage.leaks, stage.failures) == ([], [])


def test_pages_come_whole_and_as_fragments_with_nothing_of_others(stage: Stage) -> None:
    """What htmx asks for is guarded as the page is; going back in the browser's history gives the whole page."""
    fragment = {"HX-Request": "true", "HX-Request-Type": "partial"}
    restored = {"HX-Request": "true", "HX-Request-Type": "full", "HX-History-Restore-Request": "true"}
    shown, wrong = set(), []
    with undone():
        for rule, method in routes(stage.app):
            if method != "GET" or portal_of(rule) == "public":
                continue
            for person in stage.by_portal[portal_of(rule)]:
                whole = stage.send(person, rule, method)
                if whole.status_code != 200 or whole.mimetype != "text/html":
                    continue
                shown.add(rule.endpoint)
                assert "<html" in whole.text
                part = stage.send(person, rule, method, **fragment)
                if "HX-Refresh" in part.headers:
                    continue  # there is nothing to wait for any more: the whole page is to be loaded
                if (part.status_code, "<html" in part.text) != (200, False):
                    wrong.append(f"{rule.rule} as a fragment for {person.name}: {part.status_code}")
                assert "<html" in stage.send(person, rule, method, **restored).text
    assert wrong == []
    assert len(shown) > 40
    assert (stage.leaks, stage.failures) == ([], [])


def _cells(line: Any) -> Iterator[str]:
    for name in line.__slots__:
        yield getattr(line, name)
