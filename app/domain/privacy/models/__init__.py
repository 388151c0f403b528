"""Tables of data protection, a file per subject."""

from app.domain.privacy.models.breaches import (
    AddedBy,
    Breach,
    BreachAffected,
    BreachEntry,
    BreachEntryKind,
    BreachState,
)
from app.domain.privacy.models.consents import (
    ConsentBasis,
    ConsentDecision,
    ConsentPurpose,
    ConsentText,
    ConsentVia,
    PatientConsent,
)
from app.domain.privacy.models.erasing import Erasure, ErasureKind, ErasureState, LegalHold
from app.domain.privacy.models.requests import DataRequest, OwnExport, RequestKind, RequestState, RequestVia
from app.domain.privacy.models.retention import PurgeState, RetentionPurge, RetentionRule

__all__ = [
    "AddedBy",
    "Breach",
    "BreachAffected",
    "BreachEntry",
    "BreachEntryKind",
    "BreachState",
    "ConsentBasis",
    "ConsentDecision",
    "ConsentPurpose",
    "ConsentText",
    "ConsentVia",
    "DataRequest",
    "Erasure",
    "ErasureKind",
    "ErasureState",
    "LegalHold",
    "OwnExport",
    "PatientConsent",
    "PurgeState",
    "RequestKind",
    "RequestState",
    "RequestVia",
    "RetentionPurge",
    "RetentionRule",
]
