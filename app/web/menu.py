"""A portal's menu: entries are declared beside the views they lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import g, request, url_for

from app.core.errors import Text
from app.core.permissions import Permission
from app.web.principals import Principal, find_principal


@dataclass(frozen=True, slots=True)
class _Declared:
    portal: str
    endpoint: str
    label: Text
    icon: str
    may_see: Callable[[Principal], bool]
    position: int
    is_active: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link that the person may follow."""

    label: Text
    url: str
    icon: str
    active: bool


_entries: dict[str, _Declared] = {}


def declare_menu(endpoint: str, label: Text, icon: str, permission: Permission, position: int) -> None:
    """Put a view into its portal's menu, for those who hold the permission."""
    declare_menu_when(endpoint, label, icon, lambda principal: principal.may(permission.code), position)


def declare_menu_when(
    endpoint: str,
    label: Text,
    icon: str,
    may_see: Callable[[Principal], bool],
    position: int,
    *,
    is_active: Callable[[], bool] = lambda: False,
) -> None:
    """Put a view into its portal's menu, for those of whom `may_see` says so.

    `is_active` names further pages that lie below the entry than those that begin with its endpoint.
    """
    portal = endpoint.split(".", 1)[0]
    _entries[endpoint] = _Declared(portal, endpoint, label, icon, may_see, position, is_active)


def menu() -> list[MenuEntry]:
    """Return the entries of the present portal that the present person may see."""
    principal = find_principal()
    if principal is None:
        return []
    shown = [e for e in _entries.values() if e.portal == g.portal and e.may_see(principal)]
    return [
        MenuEntry(entry.label, url_for(entry.endpoint), entry.icon, _is_active(entry.endpoint) or entry.is_active())
        for entry in sorted(shown, key=lambda entry: entry.position)
    ]


def _is_active(endpoint: str) -> bool:
    """An entry is active on its resource's pages too: `hospital.patients` on `hospital.patients_show`."""
    stem = endpoint.removesuffix("_index")
    return request.endpoint == endpoint or (request.endpoint or "").startswith(stem + "_")
