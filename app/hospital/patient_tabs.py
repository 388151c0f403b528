"""The tabs over a patient's pages: declared beside the views they lead to, like the entries of the menu."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import request, url_for

from app.core.errors import Text
from app.core.i18n import _l
from app.core.permissions import Permission
from app.domain.identity.permissions import VIEW_PATIENTS
from app.hospital import hospital
from app.web.principals import find_principal


@dataclass(frozen=True, slots=True)
class _Tab:
    endpoint: str
    label: Text
    permissions: tuple[Permission, ...]
    position: int


_tabs: dict[str, _Tab] = {}


def declare_patient_tab(endpoint: str, label: Text, *permissions: Permission, position: int) -> None:
    """Put a view of one patient, whose address takes its `patient_id`, among the tabs of who holds any of these."""
    _tabs[endpoint] = _Tab(endpoint, label, permissions, position)


@hospital.app_template_global()
def patient_tabs(patient_id: UUID) -> list[tuple[Text, str, bool]]:
    """Return the tabs of a patient's pages as the `tabs` macro takes them; none where only one would be there."""
    principal = find_principal()
    if principal is None:
        return []
    shown = [
        (tab.label, url_for(tab.endpoint, patient_id=patient_id), _is_here(tab.endpoint))
        for tab in sorted(_tabs.values(), key=lambda tab: (tab.position, tab.endpoint))
        if any(principal.may(permission.code) for permission in tab.permissions)
    ]
    return shown if len(shown) > 1 else []


def _is_here(endpoint: str) -> bool:
    here = request.endpoint or ""
    return here == endpoint or (here.startswith(endpoint.rsplit("_", 1)[0] + "_") and here not in _tabs)


declare_patient_tab("hospital.patients_show", _l("Overview"), VIEW_PATIENTS, position=0)
