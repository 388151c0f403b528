"""A patient's data goes from one hospital to another only at the patient's own request; there is no path at all yet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from app.core.db import db
from app.tenancy.binding import bind_hospital
from app.tenancy.errors import HospitalAlreadyBound

APP = Path(__file__).parents[3] / "app"
# What the centre may know of a patient: keyed digests, a sealed name, ids, counts, and how something went.
KNOWN_TO_THE_CENTRE = {
    "patient_index": {
        "id", "patient_global_id", "hospital_id", "patient_id", "cccd_index", "bhyt_index", "phone_index",
        "email_index", "name_ciphertext", "name_nonce", "name_key_id", "source_version", "deactivated_at",
        "merged_into",
    },
    "reconciliations": {
        "id", "hospital_id", "asked_by", "status", "started_at", "finished_at", "patients", "ranges",
        "ranges_differing", "missing", "different", "surplus", "mended", "checksum", "error",
    },
    "usage_daily": {
        "hospital_id", "day", "source_position", "active_staff", "active_patients", "patients_registered",
        "appointments", "visits_completed", "looks", "changes", "storage_bytes", "told_at",
    },
    "erasures": {"hospital_id", "patient_id", "kind", "erased_at"},
}  # fmt: skip


def test_the_centre_holds_nothing_of_patients_that_could_be_passed_on() -> None:
    found = {
        name: set(table.columns.keys())
        for name, table in db.metadatas[None].tables.items()
        if any("patient" in column for column in table.columns.keys())  # noqa: SIM118
    }
    assert found == KNOWN_TO_THE_CENTRE


def test_one_unit_of_work_never_reaches_two_hospitals(app: Flask, alpha: str, beta: str) -> None:
    with app.app_context(), bind_hospital(alpha), pytest.raises(HospitalAlreadyBound), bind_hospital(beta):
        pass


def test_whoever_builds_a_path_asks_for_the_consent_to_it() -> None:
    """Nothing asks today, because there is nothing to ask for; code that speaks of passing records on must."""
    speaks = re.compile(r"def \w*(transfer|hand_over|share)\w*_(patient|record)", re.IGNORECASE)
    for path in APP.rglob("*.py"):
        text = path.read_text()
        if speaks.search(text):
            assert "may_use(" in text, f"{path} passes records on without asking for the consent SHARING"
