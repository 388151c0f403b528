"""The tabs over a hospital's pages: declared beside the views they lead to, like the entries of the menu."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

from app.admin import admin
from app.core.errors import Text
from app.core.permissions import Permission
from app.web.principals import find_principal


@dataclass(frozen=True, slots=True)
class _Tab:
    endpoint: str
    label: Text
    permission: Permission
    position: int


_tabs: dict[str, _Tab] = {}


def declare_tab(endpoint: str, label: Text, permission: Permission, position: int) -> None:
    """Put a view of one hospital, whose address takes its `code`, among the tabs of those who hold the permission."""
    _tabs[endpoint] = _Tab(endpoint, label, permission, position)


@admin.app_template_global()
def hospital_tabs(code: str) -> list[tuple[Text, str, bool]]:
    """Return the tabs of a hospital's pages as the `tabs` macro takes them."""
    principal = find_principal()
    if principal is None:
        return []
    shown = sorted(_tabs.values(), key=lambda tab: tab.position)
    return [
        (tab.label, url_for(tab.endpoint, code=code), _is_here(tab.endpoint))
        for tab in shown
        if principal.may(tab.permission.code)
    ]


def _is_here(endpoint: str) -> bool:
    stem = endpoint.rsplit("_", 1)[0]
    return request.endpoint == endpoint or (
        (request.endpoint or "").startswith(stem + "_") and request.endpoint not in _tabs
    )
