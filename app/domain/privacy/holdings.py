"""Every table with a patient's data: how it is theirs, what of it a copy of their data carries, what an erasure does.

A table that is missing here fails tests/integration/privacy/test_holdings.py: who adds one says what becomes of it.
What an erasure does is done by `vien_erase_patient` in the database; here stands what it does, for people and tests.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from app.core.errors import Text
from app.core.i18n import _l


class OnErasure(enum.StrEnum):
    """What becomes of rows: `with_records` are kept while the law keeps records, and deleted by the kind `erase`."""

    CLEARED = "cleared"
    DELETED = "deleted"
    WITH_RECORDS = "with_records"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Holding:
    """One table. `of` is the SQL condition on its rows; `left_out` says why a copy of the data does not carry it."""

    table: str
    title: Text
    of: str
    on_erasure: OnErasure
    why_kept: str = ""
    left_out: str = ""
    hidden: frozenset[str] = field(default_factory=frozenset)
    shown: str = ""  # which of the rows a copy carries, where it is not all of them


BY_PATIENT = "patient_id = :who"
BY_ACCOUNT = "patient_user_id IN (SELECT id FROM patient_users WHERE patient_id = :who)"
SECRET = "secret with which the account is opened; of no use to a reader, of much to a thief"  # noqa: S105
LOGS = "ids only; the log stays provable, and says nothing once the patient is nobody"
RELEASED = "is_current AND released_at <= now()"  # as the patient sees results in the portal
SIGNED = "status <> 'draft'"  # a draft is nobody's record yet: nobody may take medicines by it
OF_SIGNED = f"prescription_id IN (SELECT id FROM prescriptions WHERE {SIGNED})"  # noqa: S608 # nosec B608
# As the patient sees what belongs to a result in the portal; of the rest everything that was not taken back as wrong.
DOCUMENTS = (
    "deleted_at IS NULL AND (subject_type <> 'lab_item' OR vien_is_shared(NULL, subject_type, subject_id, created_at))"
)
VERSIONS = (
    "EXISTS (SELECT 1 FROM documents d WHERE d.id = document_versions.document_id AND d.deleted_at IS NULL AND "
    "(d.subject_type <> 'lab_item' "
    "OR vien_is_shared(NULL, d.subject_type, d.subject_id, document_versions.created_at)))"
)
LINKED = f"subject_type <> 'document' OR file_id IN (SELECT file_id FROM document_versions WHERE {VERSIONS})"  # noqa: S608 # nosec B608
STAFF = frozenset({"created_by", "updated_by", "version"})

HOLDINGS: tuple[Holding, ...] = (
    Holding("patients", _l("Personal data"), "id = :who", OnErasure.CLEARED, hidden=STAFF | {"search_name"}),
    Holding("patient_allergies", _l("Allergies"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF),
    Holding("appointments", _l("Visits"), BY_PATIENT, OnErasure.CLEARED, hidden=STAFF),
    Holding(
        "queue_tickets",
        _l("Queue numbers"),
        BY_PATIENT,
        OnErasure.KEPT,
        why_kept="a number of a day; it says nothing once the patient is nobody",
        hidden=STAFF | {"called_by"},
    ),
    Holding("vital_signs", _l("Vital signs"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF),
    Holding("patient_conditions", _l("Problems"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF),
    Holding("medical_records", _l("Medical records"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF, shown=SIGNED),
    Holding(
        "record_diagnoses",
        _l("Diagnoses"),
        "record_id IN (SELECT id FROM medical_records WHERE patient_id = :who)",
        OnErasure.WITH_RECORDS,
        hidden=STAFF,
        shown=f"record_id IN (SELECT id FROM medical_records WHERE {SIGNED})",  # noqa: S608 # nosec B608
    ),
    Holding("prescriptions", _l("Prescriptions"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF, shown=SIGNED),
    Holding(
        "prescription_items",
        _l("Prescribed medicines"),
        "prescription_id IN (SELECT id FROM prescriptions WHERE patient_id = :who)",
        OnErasure.WITH_RECORDS,
        hidden=STAFF,
        shown=OF_SIGNED,
    ),
    Holding("lab_orders", _l("Orders of tests"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF),
    Holding("lab_order_items", _l("Ordered tests"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF),
    Holding("lab_specimens", _l("Specimens"), BY_PATIENT, OnErasure.WITH_RECORDS, hidden=STAFF),
    Holding(
        "lab_reports",
        _l("Reports of tests"),
        BY_PATIENT,
        OnErasure.WITH_RECORDS,
        hidden=STAFF | {"contributors"},
        shown=RELEASED,
    ),
    Holding(
        "lab_results",
        _l("Results of tests"),
        BY_PATIENT,
        OnErasure.WITH_RECORDS,
        hidden=STAFF,
        shown=f"report_id IN (SELECT id FROM lab_reports WHERE {RELEASED})",  # noqa: S608 # nosec B608
    ),
    Holding(
        "prescription_overrides",
        _l("Reasons for prescribing in spite of a warning"),
        "prescription_id IN (SELECT id FROM prescriptions WHERE patient_id = :who)",
        OnErasure.WITH_RECORDS,
        hidden=STAFF | {"warning_key"},
        shown=OF_SIGNED,
    ),
    Holding(
        "appointment_reminders",
        _l("Reminders"),
        "appointment_id IN (SELECT id FROM appointments WHERE patient_id = :who)",
        OnErasure.DELETED,
        hidden=STAFF,
    ),
    Holding(
        "outbound_messages",
        _l("Messages"),
        BY_PATIENT,
        OnErasure.CLEARED,
        hidden=STAFF | {"key", "provider_id", "error"},
    ),
    Holding("message_preferences", _l("How you want to be written to"), BY_PATIENT, OnErasure.DELETED, hidden=STAFF),
    Holding(
        "message_replies",
        _l("Replies by text message"),
        BY_PATIENT,
        OnErasure.DELETED,
        hidden=frozenset({"provider_id"}),
    ),
    Holding("waiting_entries", _l("Waiting list"), BY_PATIENT, OnErasure.DELETED, hidden=STAFF),
    Holding("slot_offers", _l("Offered times"), BY_PATIENT, OnErasure.DELETED, hidden=STAFF),
    Holding(
        "message_events",
        _l("What became of messages"),
        "message_id IN (SELECT id FROM outbound_messages WHERE patient_id = :who)",
        OnErasure.KEPT,
        why_kept="states and times only; they say nothing once the message says nothing",
        hidden=frozenset({"report", "detail", "actor_name"}),
    ),
    Holding(
        "push_subscriptions",
        _l("Browsers that tell of messages"),
        BY_ACCOUNT,
        OnErasure.DELETED,
        hidden=frozenset({"endpoint", "p256dh", "auth"}),
    ),
    Holding(
        "patient_users",
        _l("Portal account"),
        BY_PATIENT,
        OnErasure.DELETED,
        hidden=STAFF | {"password_hash", "totp_ciphertext", "totp_nonce", "totp_key_id", "totp_last_step"},
    ),
    Holding(
        "patient_sessions",
        _l("Sign-ins"),
        BY_ACCOUNT,
        OnErasure.DELETED,
        hidden=frozenset({"token_hash", "handoff_hash", "handoff_expires_at", "device_hash"}),
    ),
    Holding("patient_consents", _l("Consents"), BY_PATIENT, OnErasure.CLEARED, hidden=frozenset({"sequence"})),
    Holding("data_requests", _l("Requests about data"), BY_PATIENT, OnErasure.CLEARED, hidden=STAFF),
    Holding("own_exports", _l("Copies of the data"), BY_PATIENT, OnErasure.CLEARED, hidden=frozenset({"error"})),
    Holding(
        "documents",
        _l("Documents"),
        BY_PATIENT,
        OnErasure.DELETED,
        hidden=STAFF | {"deleted_at", "deleted_by", "delete_reason"},
        shown=DOCUMENTS,
    ),
    Holding(
        "document_versions", _l("Versions of documents"), BY_PATIENT, OnErasure.DELETED, hidden=STAFF, shown=VERSIONS
    ),
    Holding("file_links", _l("Files"), BY_PATIENT, OnErasure.CLEARED, hidden=frozenset({"created_by"}), shown=LINKED),
    Holding(
        "legal_holds",
        _l("Legal holds"),
        BY_PATIENT,
        OnErasure.CLEARED,
        left_out="knowing of an investigation could defeat it; the statement of an erasure names the hold",
    ),
    Holding(
        "erasures",
        _l("Erasures"),
        BY_PATIENT,
        OnErasure.KEPT,
        why_kept="proves what was done; names nobody",
        left_out="internal decision; its result is the answer to the request",
    ),
    Holding(
        "patient_merges",
        _l("Joined registrations"),
        "patient_id = :who OR into_id = :who",
        OnErasure.KEPT,
        why_kept="ids only; without it the second registration would be a person of its own again",
        hidden=frozenset({"merged_by"}),
    ),
    Holding(
        "patient_merge_moves",
        _l("Joined registrations"),
        BY_PATIENT,
        OnErasure.KEPT,
        why_kept="ids only; what was joined by mistake can be parted as long as both are there",
        left_out="ids of rows that the copy carries anyway",
    ),
    Holding("patient_relations", _l("Relatives and guardians"), BY_PATIENT, OnErasure.DELETED, hidden=STAFF),
    Holding(
        "emergency_access",
        _l("Emergency access"),
        BY_PATIENT,
        OnErasure.KEPT,
        why_kept="proves who opened the record without the usual right; ids of the patient only",
        hidden=frozenset({"version", "review_note", "reviewed_by", "reviewed_by_name"}),
    ),
    Holding(
        "breach_affected",
        _l("Data breaches"),
        BY_PATIENT,
        OnErasure.KEPT,
        why_kept="proves who was told; ids only",
        hidden=frozenset({"added_by"}),
    ),
    Holding(
        "access_log",
        _l("Who has looked"),
        "patient_ids @> ARRAY[CAST(:who AS uuid)]",
        OnErasure.KEPT,
        why_kept=LOGS,
        hidden=frozenset({"patient_ids", "address", "request_id", "subject_id", "grounds", "ground"}),
    ),
    Holding(
        "audit_log",
        _l("Who has changed what"),
        BY_PATIENT,
        OnErasure.KEPT,
        why_kept=LOGS,
        hidden=frozenset({"address", "request_id", "subject_id", "changes"}),
    ),
    *(
        Holding(table, _l("Portal account"), BY_ACCOUNT, OnErasure.DELETED, left_out=SECRET)
        for table in ("invitations", "passkeys", "password_history", "password_resets", "recovery_codes")
    ),
)


def list_exported() -> list[Holding]:
    """Return what a copy of a patient's data carries."""
    return [holding for holding in HOLDINGS if not holding.left_out]
