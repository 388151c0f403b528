"""A migration tried on a copy tells what would happen, and leaves the hospital and the server as they were."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.queries import get_hospital
from app.tenancy.upgrading.errors import RehearsalFailed
from app.tenancy.upgrading.rehearsing import REHEARSE, clone_name
from tests.support.platform import ACTOR, Platform
from tests.support.revisions import IN_THE_WAY, LOCKED, MADE, NEW, OLD, REASON


def databases(platform: Platform) -> set[str]:
    with platform.cluster.connect() as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()}


def ask(code: str) -> UUID:
    with unit_of_work():
        hospital = get_hospital(code)
        return request_operation(ACTOR, REHEARSE, hospital=hospital, arguments={"to": NEW}, wake=False).id


def test_a_rehearsal_says_how_long_which_locks_and_which_rows(
    platform: Platform, context: Flask, bring: Any, revisions: Any
) -> None:
    platform.create_hospital("gamma")
    bring("gamma", OLD)
    wanted = ask("gamma")
    found = perform(wanted)
    assert (found["from"], found["to"]) == (OLD, NEW)
    assert found["migrate_ms"] > 0
    assert found["rows"] > 0
    assert found["changed"] == {table: [None, 0] for table in MADE}, "tables are made, no row is changed"
    locked = {(lock["table"], lock["lock"]) for lock in found["locks"]}
    assert LOCKED in locked
    assert clone_name(wanted) not in databases(platform), "the copy is dropped"
    assert revisions()["gamma"] == OLD


def test_a_rehearsal_that_fails_touches_nothing_and_leaves_nothing(
    platform: Platform, context: Flask, bring: Any, revisions: Any
) -> None:
    platform.create_hospital("gamma")
    bring("gamma", OLD)
    with platform.admin("gamma") as connection:
        connection.execute(IN_THE_WAY)
    wanted = ask("gamma")
    with pytest.raises(RehearsalFailed, match=REASON) as failed:
        perform(wanted)
    assert "bản sao đã được xóa" in str(failed.value.remedy)
    assert clone_name(wanted) not in databases(platform)
    assert revisions()["gamma"] == OLD
