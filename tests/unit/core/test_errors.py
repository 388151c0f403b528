"""Errors that people are told of carry a status, a title, and what to do next."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import Babel

import app
from app.core.errors import InvalidValue, NotFound, StaleVersion, TooManyAttempts, Unavailable, VienError

for module in pkgutil.walk_packages(app.__path__, "app."):
    if module.name.endswith(".errors"):
        importlib.import_module(module.name)


def every(kind: type[VienError]) -> Iterator[type[VienError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from every(narrower)


KINDS = sorted(set(every(VienError)), key=lambda kind: (kind.__qualname__, kind.__module__))


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__qualname__ for kind in KINDS])
def test_every_kind_has_a_status_a_title_and_a_message(kind: type[VienError]) -> None:
    assert 400 <= kind.status < 600
    speaker = Flask("speaker")
    Babel(speaker, default_locale="en")
    with speaker.test_request_context():
        assert str(kind.title).strip()
        assert str(kind.default_message).strip().endswith((".", "?"))


def test_a_message_of_its_own_replaces_the_usual_one() -> None:
    assert str(NotFound("No such visit.")) == "No such visit."
    assert NotFound().remedy is not None


def test_an_invalid_value_says_where() -> None:
    assert InvalidValue("Too long.", field="name").field == "name"


def test_a_lost_race_is_a_conflict_and_too_many_attempts_say_how_long() -> None:
    assert StaleVersion.status == 409
    assert TooManyAttempts(7).retry_after == 7
    assert Unavailable.retry_after > 0
