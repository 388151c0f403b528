"""What support may be shown at most, and for how long."""

from __future__ import annotations

from app.core.permissions import Permission
from app.domain.identity.permissions import (
    VIEW_ACCESS_LOG,
    VIEW_APPOINTMENTS,
    VIEW_AUDIT,
    VIEW_DATA_SAFETY,
    VIEW_HOSPITAL_SECURITY,
    VIEW_PATIENTS,
    VIEW_RECORDS,
)

# Only what shows: whatever writes, prints out of the hospital or changes who may what is never granted.
GRANTABLE: tuple[Permission, ...] = (
    VIEW_APPOINTMENTS,
    VIEW_PATIENTS,
    VIEW_RECORDS,
    VIEW_DATA_SAFETY,
    VIEW_HOSPITAL_SECURITY,
    VIEW_ACCESS_LOG,
    VIEW_AUDIT,
)
GRANTABLE_CODES = frozenset(permission.code for permission in GRANTABLE)
