"""The hospital's portal: doctors, nurses, desk."""

from __future__ import annotations

from flask import Blueprint

from app.web.guards import guard

hospital = Blueprint("hospital", __name__, url_prefix="/hospital")
guard(hospital)

from app.hospital import (  # noqa: E402
    administration,
    allergies,
    audit,
    breaches,
    confidentiality,
    consents,
    consultations,
    data_requests,
    data_safety,
    diagnoses,
    emergency_access,
    erasures,
    fields,
    gateway,
    identity,
    long_work,
    long_work_asking,
    medicines,
    patient_accounts,
    patient_privacy,
    patients,
    prescribing,
    retention,
    roles,
    search,
    security,
    sessions,
    staff,
    staff_hours,
    staff_sessions,
    support,
    today,
    visits,
    vitals,
    who_can,
    wording,
)

hospital.context_processor(lambda: {"words": wording})

__all__ = [
    "administration",
    "allergies",
    "audit",
    "breaches",
    "confidentiality",
    "consents",
    "consultations",
    "data_requests",
    "data_safety",
    "diagnoses",
    "emergency_access",
    "erasures",
    "fields",
    "gateway",
    "hospital",
    "identity",
    "long_work",
    "long_work_asking",
    "medicines",
    "patient_accounts",
    "patient_privacy",
    "patients",
    "prescribing",
    "retention",
    "roles",
    "search",
    "security",
    "sessions",
    "staff",
    "staff_hours",
    "staff_sessions",
    "support",
    "today",
    "visits",
    "vitals",
    "who_can",
    "wording",
]
