"""A patient's own rows: the scope of every transaction of the patient portal once it is known who it is.

The policies stand in the hospital's migrations (`separate_patients`).
"""

from __future__ import annotations

from uuid import UUID

from app.core.row_scope import RowScope


def own_rows_of(patient_id: UUID) -> RowScope:
    """Return the scope of a patient's own rows."""
    return RowScope(role="vien_patient", setting="app.patient_id", value=str(patient_id))
