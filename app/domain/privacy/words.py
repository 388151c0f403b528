"""How people read the states and kinds of data protection, in every portal."""

from __future__ import annotations

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.privacy.models import (
    AddedBy,
    BreachEntryKind,
    BreachState,
    ConsentDecision,
    ConsentVia,
    ErasureKind,
    ErasureState,
    PurgeState,
    RequestKind,
    RequestState,
    RequestVia,
)

KIND: dict[RequestKind, Text] = {
    RequestKind.ACCESS: _l("See which data is held"),
    RequestKind.EXPORT: _l("Get a copy of the data"),
    RequestKind.RECTIFICATION: _l("Correct the data"),
    RequestKind.RESTRICTION: _l("Restrict the use of the data"),
    RequestKind.OBJECTION: _l("Object to the use of the data"),
    RequestKind.ERASURE: _l("Erase the data"),
}
STATE: dict[RequestState, Text] = {
    RequestState.RECEIVED: _l("Received"),
    RequestState.IN_PROGRESS: _l("Being worked on"),
    RequestState.ANSWERED: _l("Answered"),
    RequestState.REFUSED: _l("Refused"),
    RequestState.WITHDRAWN: _l("Taken back"),
}
STATE_TONE: dict[RequestState, str] = {
    RequestState.RECEIVED: "info",
    RequestState.IN_PROGRESS: "info",
    RequestState.ANSWERED: "success",
    RequestState.REFUSED: "danger",
    RequestState.WITHDRAWN: "neutral",
}
VIA: dict[RequestVia, Text] = {RequestVia.PORTAL: _l("Patient portal"), RequestVia.DESK: _l("At the desk")}
DECISION: dict[ConsentDecision, Text] = {
    ConsentDecision.GIVEN: _l("Agreed"),
    ConsentDecision.WITHDRAWN: _l("Refused or withdrawn"),
}
CONSENT_VIA: dict[ConsentVia, Text] = {
    ConsentVia.PORTAL: _l("Patient portal"),
    ConsentVia.PAPER: _l("On paper, at the desk"),
}
ERASURE_KIND: dict[ErasureKind, Text] = {
    ErasureKind.DEIDENTIFY: _l("De-identify: keep what the law keeps, without whose it is"),
    ErasureKind.ERASE: _l("Erase everything"),
}
ERASURE_STATE: dict[ErasureState, Text] = {
    ErasureState.PROPOSED: _l("Waits for a second person"),
    ErasureState.APPROVED: _l("Approved, being performed"),
    ErasureState.PERFORMED: _l("Performed"),
    ErasureState.REFUSED: _l("Refused"),
}
PURGE_STATE: dict[PurgeState, Text] = {
    PurgeState.PROPOSED: _l("Proposed"),
    PurgeState.CONFIRMED: _l("Confirmed, being performed"),
    PurgeState.PERFORMED: _l("Performed"),
    PurgeState.DISMISSED: _l("Dismissed"),
}
RULE: dict[str, Text] = {
    "records.general": _l("Medical records"),
    "records.accident": _l("Medical records after accidents"),
    "records.mental_or_death": _l("Medical records of mental illness, and of the deceased"),
    "messages": _l("Messages sent to patients"),
    "patient_sessions": _l("Sign-ins of patients"),
    "data_requests": _l("Texts of answered requests about data"),
}
TABLE: dict[str, Text] = {
    "medical_records": _l("Medical records"),
    "record_diagnoses": _l("Diagnoses"),
    "prescriptions": _l("Prescriptions"),
    "prescription_items": _l("Prescribed medicines"),
    "vital_signs": _l("Vital signs"),
    "patient_allergies": _l("Allergies"),
    "appointments": _l("Visits"),
    "appointment_reminders": _l("Reminders"),
    "outbound_messages": _l("Messages"),
    "patient_users": _l("Portal account"),
    "patient_sessions": _l("Sign-ins"),
    "patient_consents": _l("Consents"),
    "data_requests": _l("Requests about data"),
    "own_exports": _l("Copies of the data"),
    "legal_holds": _l("Legal holds"),
    "files": _l("Files"),
    "patients": _l("Personal data"),
}
BREACH_STATE: dict[BreachState, Text] = {
    BreachState.OPEN: _l("Open"),
    BreachState.NOTIFIED: _l("Authority notified"),
    BreachState.CLOSED: _l("Closed"),
}
ENTRY: dict[BreachEntryKind, Text] = {
    BreachEntryKind.REGISTERED: _l("Breach registered"),
    BreachEntryKind.CHANGED: _l("Changed"),
    BreachEntryKind.NOTE: _l("Note"),
    BreachEntryKind.AFFECTED: _l("List of those affected changed"),
    BreachEntryKind.NOTIFIED: _l("Authority notified"),
    BreachEntryKind.LETTERS: _l("Letters queued"),
    BreachEntryKind.CLOSED: _l("Closed"),
}
ADDED_BY: dict[AddedBy, Text] = {
    AddedBy.ACCESS_LOG: _l("Access log"),
    AddedBy.HAND: _l("By hand"),
    AddedBy.FILE: _l("From a list"),
}
