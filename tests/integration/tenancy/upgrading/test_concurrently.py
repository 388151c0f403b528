"""An index that is built beside people's work: a build that was cut off is cleared away and begun anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.tenancy.upgrading.errors import MigrationFailed
from tests.support.platform import Platform

INDEX = """
def upgrade(): create_index_concurrently(op, "ix_try", "patients", ["phone"]%s)
def downgrade(): op.drop_index("ix_try", table_name="patients")
"""
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_try')"
Further = Callable[[str], str]


def test_it_is_built_outside_the_transaction(platform: Platform, context: Flask, bring: Any, further: Further) -> None:
    platform.create_hospital("gamma")
    bring("gamma", further(INDEX % ""))
    with platform.admin("gamma") as connection:
        assert connection.execute(VALID).fetchone() == (True,)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("h901",)


def test_what_was_cut_off_is_dropped_and_built_anew(
    platform: Platform, context: Flask, bring: Any, further: Further
) -> None:
    platform.create_hospital("gamma")
    newest = further(INDEX % "")
    with platform.admin("gamma") as connection:
        connection.execute("CREATE INDEX ix_try ON patients (phone)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_try'::regclass")
    bring("gamma", newest)
    with platform.admin("gamma") as connection:
        assert connection.execute(VALID).fetchone() == (True,)


def test_a_build_that_fails_can_be_taken_up_again(
    platform: Platform, context: Flask, bring: Any, further: Further
) -> None:
    platform.create_hospital("gamma")
    newest = further((INDEX % ", unique=True").replace("patients", "twice").replace("phone", "id"))
    with platform.admin("gamma") as connection:
        connection.execute("CREATE TABLE twice (id int); INSERT INTO twice VALUES (1), (1)")
        connection.execute("ALTER TABLE twice OWNER TO vien_owner")
    with pytest.raises(MigrationFailed, match="could not create unique index"):
        bring("gamma", newest)
    with platform.admin("gamma") as connection:
        assert connection.execute(VALID).fetchone() == (False,), "PostgreSQL leaves it behind"
        connection.execute("DELETE FROM twice WHERE ctid = (SELECT min(ctid) FROM twice)")
    bring("gamma", newest)
    with platform.admin("gamma") as connection:
        assert connection.execute(VALID).fetchone() == (True,)


def test_it_waits_for_old_transactions_longer_than_for_a_lock(
    platform: Platform, context: Flask, bring: Any, further: Further, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.tenancy.upgrading import single
    from app.tenancy.upgrading.applying import Limits

    monkeypatch.setattr(single, "Limits", lambda: Limits(lock_timeout_ms=50))
    platform.create_hospital("gamma")
    newest = further(INDEX % "")
    with platform.admin("gamma") as holder, holder.transaction():
        holder.execute("LOCK TABLE patients IN ROW EXCLUSIVE MODE")
        work = threading.Thread(target=lambda: _bring(context, bring, newest))
        work.start()
        work.join(0.5)
        assert work.is_alive(), "it waits"
    work.join(60)
    with platform.admin("gamma") as connection:
        assert connection.execute(VALID).fetchone() == (True,)


def _bring(context: Flask, bring: Any, revision: str) -> None:
    with context.app_context():
        bring("gamma", revision)
