"""Every table with a patient's data is named, with what a copy carries of it and what an erasure does."""

from __future__ import annotations

from app.core.db import db
from app.domain.privacy.holdings import HOLDINGS, OnErasure

WHOSE = {"patient_id", "patient_ids", "patient_user_id"}


def tables_of_patients() -> set[str]:
    """Return every hospital table that refers to a patient, directly or through another such table."""
    tables = db.metadatas["hospital"].tables
    found = {"patients"}
    while True:
        more = {
            name
            for name, table in tables.items()
            if name not in found
            and (WHOSE & set(table.columns.keys()) or any(key.column.table.name in found for key in table.foreign_keys))
        }
        if not more:
            return found
        found |= more


def test_every_table_with_a_patient_is_named() -> None:
    named = {holding.table for holding in HOLDINGS}
    assert tables_of_patients() - named == set(), "say in app/domain/privacy/holdings.py what becomes of these"
    assert len(named) == len(HOLDINGS)


def test_whatever_is_left_out_or_kept_says_why() -> None:
    for holding in HOLDINGS:
        assert (holding.on_erasure is OnErasure.KEPT) == bool(holding.why_kept), holding.table


def test_columns_that_are_hidden_exist() -> None:
    tables = db.metadatas["hospital"].tables
    for holding in HOLDINGS:
        table = tables.get(holding.table)
        if table is not None:
            assert "patient_id" not in holding.hidden
            assert holding.left_out or set(table.columns.keys()) - holding.hidden, holding.table


def test_no_copy_carries_a_secret() -> None:
    tables = db.metadatas["hospital"].tables
    for holding in HOLDINGS:
        if holding.left_out or holding.table not in tables:
            continue
        shown = set(tables[holding.table].columns.keys()) - holding.hidden
        assert {
            name for name in shown if "hash" in name or "totp" in name or "token" in name or "secret" in name
        } == set()
