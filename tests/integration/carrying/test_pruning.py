"""The outbox is emptied behind the slowest, and who is found to be behind that is told everything anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.db import db
from app.domain.audit import consumers, pruning
from app.domain.audit.models import OutboxEvent, OutboxPruning
from app.domain.centre.pruning import has_old_events, prune_events
from app.domain.centre.relaying import relay_events
from app.domain.centre.sync import synchronise
from app.tenancy.binding import bind_hospital
from tests.integration.carrying.conftest import Witness
from tests.integration.jobs.test_sync import entries, register, runs
from tests.support.platform import Platform

LATER = timedelta(days=2)


def left(bound, code: str) -> int:
    with bound(code):
        return db.session.scalar(sa.select(sa.func.count(OutboxEvent.id))) or 0


def test_only_what_everybody_has_heard_and_a_day_ago_is_pruned(app: Flask, bound, alpha: str, witness: Witness) -> None:
    with bound(alpha):
        for _ in range(3):
            register()
    with app.app_context():
        relay_events(alpha)
        assert prune_events(alpha) == 0
    assert left(bound, alpha) == 3
    with bound(alpha):
        register()  # nobody has heard of this one
    with clock.frozen_at(clock.now() + LATER), app.app_context():
        assert prune_events(alpha) == 3
    assert left(bound, alpha) == 1
    with bound(alpha):
        assert db.session.scalars(sa.select(OutboxPruning.pruned_to)).one() == witness.told[-1]


def test_a_slow_consumer_keeps_what_it_has_not_heard(app: Flask, bound, alpha: str, witness: Witness) -> None:
    with bound(alpha):
        for _ in range(3):
            register()
    witness.fails = lambda event: event.position == witness.told[0] + 1
    with app.app_context():
        relay_events(alpha)
        with clock.frozen_at(clock.now() + LATER):
            assert prune_events(alpha) == 1
    consumers._consumers.clear()  # a release without it
    with app.app_context(), clock.frozen_at(clock.now() + LATER):
        assert prune_events(alpha) == 0, "another release may be running beside this one"
    with app.app_context(), clock.frozen_at(clock.now() + pruning.GONE_AFTER + LATER):
        assert prune_events(alpha) == 2


def test_a_prune_is_due_where_there_is_much(
    app: Flask, bound, alpha: str, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ENOUGH", 2)
    with bound(alpha):
        for _ in range(3):
            register()
    with app.app_context():
        relay_events(alpha)
        with bind_hospital(alpha):
            assert not has_old_events()
            with clock.frozen_at(clock.now() + LATER):
                assert has_old_events()


def test_a_centre_restored_from_before_is_told_everything_anew(
    app: Flask, bound, platform: Platform, alpha: str, witness: Witness
) -> None:
    with bound(alpha):
        ids = {register().id for _ in range(3)}
    with app.app_context():
        relay_events(alpha)
        with clock.frozen_at(clock.now() + LATER):
            assert prune_events(alpha) == 3
    with platform.admin() as connection:  # as a backup of before that would be
        connection.execute("DELETE FROM patient_index")
        connection.execute("UPDATE sync_cursors SET position = 0")
    with bound(alpha):
        ids.add(register().id)
    with app.app_context():
        assert synchronise(alpha) == 1
    assert {entry.patient_id for entry in entries(app)} == ids
    assert [run.kind for run in runs(app)] == ["events", "full", "events"]
