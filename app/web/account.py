"""Everybody's own account: one page per portal, put together from the sections that its parts declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g

from app.core.errors import NotSignedIn
from app.core.permissions import signed_in_only
from app.web.principals import Principal, find_principal
from app.web.render import render

ALL = "*"
Facts = Callable[[Principal], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Section:
    portal: str
    template: str
    position: int
    facts: Facts | None


_sections: list[_Section] = []


def declare_account_section(portal: str, template: str, position: int, facts: Facts | None = None) -> None:
    """Put a section on the account page of a portal, or of ALL.

    `facts` is asked with who is signed in; what it returns stands in the template under `section`.
    """
    _sections.append(_Section(portal, template, position, facts))


def add_account(blueprint: Blueprint) -> None:
    """Give a portal its page of one's own account."""

    @blueprint.get("/account")
    @signed_in_only
    def account() -> Response:
        """Show one's own account."""
        return account_page()


def account_page(status: int = 200, **shown: Any) -> Response:
    """Show the account of who is signed in; `shown` stands in every section, such as a form with its errors."""
    principal = own_principal()
    sections = [
        {"template": section.template, **(section.facts(principal) if section.facts else {}), **shown}
        for section in sorted(_sections, key=lambda section: section.position)
        if section.portal in (ALL, g.portal)
    ]
    return render(f"{g.portal}/identity/account.html", status=status, sections=sections, has_errors=status >= 400)


def own_principal() -> Principal:
    """Return who is signed in; raises NotSignedIn."""
    principal = find_principal()
    if principal is None:
        raise NotSignedIn
    return principal
