"""Denial is the default."""

from __future__ import annotations

import pytest

from app.core import permissions
from app.core.permissions import declare, list_permissions, missing, public, required_by, requires


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "_registry", {})


def view() -> None:
    """Do nothing."""


def test_a_view_that_says_nothing_declares_nothing() -> None:
    assert required_by(lambda: None) is None


def test_a_public_view_requires_nothing_and_says_so() -> None:
    assert required_by(public(lambda: None)) == frozenset()


def test_a_view_requires_all_that_it_names() -> None:
    read, write = declare("x.read", "hospital", "Read"), declare("x.write", "hospital", "Write")
    marked = requires(read, write)(lambda: None)
    assert required_by(marked) == {"x.read", "x.write"}
    assert missing(required_by(marked) or (), frozenset({"x.read"})) == {"x.write"}


def test_requiring_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        requires()


def test_a_permission_is_declared_once() -> None:
    declare("x.read", "hospital", "Read")
    with pytest.raises(ValueError, match="twice"):
        declare("x.read", "admin", "Read")


def test_permissions_are_listed_by_portal_and_code() -> None:
    for code, portal in (("b", "hospital"), ("a", "hospital"), ("c", "admin")):
        declare(code, portal, code)
    assert [entry.code for entry in list_permissions("hospital")] == ["a", "b"]
    assert [entry.code for entry in list_permissions()] == ["a", "b", "c"]
