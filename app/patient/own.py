"""Whose data the pages of the patient portal show: the signed-in patient's, and nobody else's."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import NotSignedIn
from app.web.principals import find_principal


def own_patient_id() -> UUID:
    """Return the id of the patient whose session it is; raises NotSignedIn."""
    principal = find_principal()
    if principal is None or principal.patient_id is None:
        raise NotSignedIn
    return principal.patient_id
