"""The real relay, as a process: whatever dies around it, every change reaches the centre, and has one effect."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from app.core.bell import LISTENING, ring
from app.core.db import db
from app.core.queue import queue_named, redis_connection
from app.core.unit_of_work import unit_of_work
from app.domain.centre.relaying import relay_events
from app.tenancy.binding import tenancy
from app.tenancy.models import PatientIndexEntry, SyncRun
from tests.integration.jobs.conftest import Process, QueueServer, Start, away, hang_up, until
from tests.integration.jobs.test_sync import register
from tests.support.platform import Platform


def counted(app: Flask) -> tuple[int, int]:
    """Return how many patients the index has, and how many events were carried: equal where each had one effect."""
    with app.app_context(), unit_of_work() as session:
        indexed = session.scalar(sa.select(sa.func.count()).select_from(PatientIndexEntry)) or 0
        carried = session.scalar(sa.select(sa.func.coalesce(sa.func.sum(SyncRun.events), 0))) or 0
        return indexed, carried


def started(app: Flask, start: Start) -> Process:
    relay = start("relay", RELAY_LOOKS_SECONDS="1")
    relay.waits_for("relay at work")
    with app.app_context():
        assert until(lambda: redis_connection().exists(LISTENING))
    return relay


def test_whatever_dies_around_a_relay_every_change_arrives_and_has_one_effect(
    app: Flask, bound, platform: Platform, start: Start, queue_server: QueueServer, alpha: str, beta: str
) -> None:
    """One process lives through all of it, because starting one takes longest."""
    relay = started(app, start)
    with bound(alpha):
        register()
    assert until(lambda: counted(app) == (1, 1)), relay.log()
    with app.app_context():
        assert queue_named("hospital").count == 0, "where a relay listens no worker is asked"

    queue_server.kill()
    for code in (alpha, beta):
        with bound(code):  # committed although nobody can be told
            register()
    assert until(lambda: counted(app) == (3, 3)), relay.log()
    queue_server.revive()  # empty
    relay.waits_for("bell heard again", 60)

    with away(platform, platform.central_name):
        with bound(alpha):  # a hospital that is known serves without the centre
            register()
        relay.waits_for("a database is away", 60)
    assert until(lambda: counted(app) == (4, 4)), relay.log()

    for _ in range(3):  # PostgreSQL restarts, again and again, while events are carried
        with bound(alpha):
            for _ in range(20):
                register()
        hang_up(platform, platform.databases[alpha])
        hang_up(platform, platform.central_name)
        with app.app_context():  # this process is not what is tested
            tenancy().engines.dispose()
            db.engine.dispose()
    assert until(lambda: counted(app) == (64, 64)), relay.log()
    assert "Traceback" not in relay.log()

    with platform.admin() as stuck:
        stuck.autocommit = False
        stuck.execute("LOCK TABLE patient_index IN SHARE MODE")  # it reads the hospital, and cannot write the centre
        with bound(alpha):
            for _ in range(3):
                register()
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'patient_index'::regclass"
        with platform.admin() as watching:
            assert until(lambda: (watching.execute(waits).fetchone() or (0,))[0], 60), relay.log()
        relay.kill()
        stuck.rollback()
    assert counted(app) == (64, 64)
    second = started(app, start)
    assert until(lambda: counted(app) == (67, 67)), second.log()
    with platform.admin() as connection:  # told again from the beginning
        connection.execute("UPDATE sync_cursors SET position = 0")
    with app.app_context():
        assert relay_events(alpha) >= 66
    assert counted(app)[0] == 67
    assert second.stop() == 0
    with app.app_context():
        assert ring(alpha) is False, "who rings is told that nobody listens any more"
