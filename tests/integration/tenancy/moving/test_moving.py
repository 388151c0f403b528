"""A hospital goes to another server while people write, and nothing that was confirmed is lost or doubled."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import OutboxEvent
from app.domain.centre.sync import synchronise
from app.tenancy.binding import bind_hospital
from app.tenancy.models import PatientIndexEntry, RunStatus, SyncRun
from tests.integration.tenancy.moving.conftest import Move, Second, databases_on, home_of, left_on, patients_in
from tests.integration.tenancy.moving.writers import writing
from tests.support.platform import Platform
from tests.support.world import build_world

METHODS = ("dump", "replication")


@pytest.mark.parametrize("method", METHODS)
def test_whatever_was_confirmed_while_it_moved_is_in_the_new_database_once(
    platform: Platform, second: Second, gamma: str, move: Move, method: str
) -> None:
    with second.app.app_context():
        with writing(second.app, gamma) as writers:
            synchronise(gamma)
            result = move(method)
        synchronise(gamma)
        server, database = home_of(gamma)
        assert (server, result["method"], result["pauses"]) == ("second", method, 1)
        confirmed = Counter(name for writer in writers for name in writer.confirmed)
        assert Counter(patients_in(second.cluster, database)) == confirmed
        assert max(confirmed.values()) == 1
        assert [writer.strange for writer in writers] == [[], [], []]
        assert all(writer.pauses() <= 1 and writer.answers[-1] == 303 for writer in writers)
        old = patients_in(platform.cluster, platform.databases[gamma])
        assert set(old) < set(confirmed), "nothing was written into the database that was left"
        _centre_has_heard_all_once(gamma, len(confirmed))


def _centre_has_heard_all_once(code: str, patients: int) -> None:
    with unit_of_work() as session:
        runs = session.scalars(sa.select(SyncRun).order_by(SyncRun.from_position, SyncRun.to_position)).all()
        assert {run.status for run in runs} == {RunStatus.SUCCEEDED}
        assert [run.from_position for run in runs][1:] == [run.to_position for run in runs][:-1]
        assert session.scalar(sa.select(sa.func.count()).select_from(PatientIndexEntry)) == patients
        events = sum(run.events for run in runs)
    with bind_hospital(code):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(OutboxEvent)) == events


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_left_behind_but_the_old_database_closed(
    platform: Platform, second: Second, gamma: str, move: Move, method: str
) -> None:
    with second.app.app_context():
        with bind_hospital(gamma), unit_of_work():
            build_world(gamma)  # signed records and closed logs among it
        result = move(method)
        server, database = home_of(gamma)
        old = platform.databases[gamma]
        assert (server, database) == ("second", result["database"])
        assert databases_on(second.cluster) == {database}
        assert left_on(platform.cluster, old) == {}
        assert left_on(second.cluster, database) == {}
        with platform.cluster.connect() as connection:
            admitted = connection.execute(
                "SELECT count(*) FROM pg_roles WHERE NOT rolsuper AND NOT pg_has_role(oid, 'vien_owner', 'MEMBER')"
                " AND has_database_privilege(rolname, %s, 'CONNECT')",
                (old,),
            ).fetchone()
            assert admitted == (0,)
        with second.cluster.connect(database) as inside:
            disabled = inside.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal"
            ).fetchone()
            assert disabled == (0,)
