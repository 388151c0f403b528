"""A portal's menu: entries are declared beside the views they lead to."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request, url_for

from app.core.errors import Text
from app.core.permissions import Permission
from app.web.principals import find_principal


@dataclass(frozen=True, slots=True)
class _Declared:
    portal: str
    endpoint: str
    label: Text
    icon: str
    permission: Permission
    position: int


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
    _entries[endpoint] = _Declared(endpoint.split(".", 1)[0], endpoint, label, icon, permission, position)


def menu() -> list[MenuEntry]:
    """Return the entries of the present portal that the present person may see."""
    principal = find_principal()
    if principal is None:
        return []
    shown = [e for e in _entries.values() if e.portal == g.portal and principal.may(e.permission.code)]
    return [
        MenuEntry(entry.label, url_for(entry.endpoint), entry.icon, _is_active(entry.endpoint))
        for entry in sorted(shown, key=lambda entry: entry.position)
    ]


def _is_active(endpoint: str) -> bool:
    """An entry is active on its resource's pages too: `hospital.patients` on `hospital.patients_show`."""
    stem = endpoint.removesuffix("_index")
    return request.endpoint == endpoint or (request.endpoint or "").startswith(stem + "_")
