"""What can go wrong when patients are found, registered and corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l

if TYPE_CHECKING:
    from app.domain.patients.queries import PatientRow


class PatientNotFound(NotFound):
    title = _l("Patient not found")
    default_message = _l("This hospital has no such patient.")
    remedy = _l("Search again by name, patient code, CCCD, insurance number or phone.")


class PatientHasDied(Conflict):
    title = _l("The patient has died")
    default_message = _l("Nothing is ordered for a patient who has died.")
    remedy = _l("If this is a mistake, correct the patient's data first.")


class RegistrationClosed(Conflict):
    title = _l("This registration is closed")
    default_message = _l("It was joined to another one or erased meanwhile. Nothing was saved.")
    remedy = _l("Search for the patient again, and enter it there.")


class DuplicateCccd(InvalidValue):
    """The CCCD number is already that of another patient, who is named so that the desk can go there."""

    def __init__(self, patient_id: UUID, code: str, full_name: str) -> None:
        self.patient_id, self.code, self.full_name = patient_id, code, full_name
        super().__init__(
            _l("This CCCD number already belongs to patient %(code)s, %(name)s.", code=code, name=full_name),
            field="cccd",
        )


class StalePatient(StaleVersion):
    """Somebody else has corrected the patient's data meanwhile; `theirs` is how it stands now."""

    def __init__(self, theirs: PatientRow) -> None:
        self.theirs = theirs
        super().__init__()
