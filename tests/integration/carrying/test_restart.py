"""PostgreSQL stops without warning in the middle of a delivery and comes back: what was to happen happens once."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.core import child_process, clock
from app.core.db import db
from app.core.embedded import remove, start_services
from app.core.embedded.postgres import Postgres
from app.core.unit_of_work import unit_of_work
from app.domain.audit.outbox import PlacedEvent
from app.domain.centre.relaying import relay_events
from app.domain.messages.channels import Letter, Outcome
from app.domain.messages.delivery import deliver_due
from app.domain.messages.models import Channel, MessageState, OutboundMessage
from app.domain.messages.rules import CLAIM
from app.tenancy.binding import bind_hospital, tenancy
from tests.integration.carrying.conftest import Witness
from tests.integration.carrying.test_delivery import tell
from tests.integration.messages.test_delivery import queue
from tests.support.platform import Platform
from tests.support.servers import Servers

TRIES = 3  # a connection that was in use just now is taken to be alive, and its end is found out by using it


class Restarted:
    """A platform on a server of its own."""

    def __init__(self, platform: Platform, server: Postgres) -> None:
        self.platform = platform
        self._server = server

    def restart(self) -> None:
        """Stop the server as a fault would, with what is under way lost, and start it again."""
        assert self._server.process is not None
        port = self._server.port
        child_process.stop(self._server.process, (signal.SIGQUIT, 60))
        self._server.start()
        assert self._server.port == port

    def again_and_again(self, act: Callable[[], object]) -> None:
        """Do it as often as the schedule would, over connections that may be gone."""
        for _ in range(TRIES):
            with suppress(DBAPIError), self.platform.app.app_context(), bind_hospital("alpha"):
                act()


@pytest.fixture(scope="module")
def home(servers: Servers, worker_id: str) -> Iterator[Restarted]:
    var = Path(tempfile.mkdtemp(prefix="vien-restart-"))
    with start_services(var, fast=True, with_valkey=False) as services:
        assert services.postgres is not None
        platform = Platform(Servers(services.admin_database_url, servers.redis_url), f"restart_{worker_id}")
        with platform.cluster.connect() as connection:
            connection.execute("ALTER ROLE ALL SET synchronous_commit = on")  # which the servers of tests do without
        disconnect(platform)
        yield Restarted(platform, services.postgres)
        disconnect(platform)
    remove(var)


def disconnect(platform: Platform) -> None:
    with platform.app.app_context():
        tenancy().engines.dispose()
        db.engine.dispose()


class Provider:
    """A provider that takes every letter while the server is restarted, before or behind the point of no return."""

    name = "provider"

    def __init__(self, home: Restarted, *, behind: bool) -> None:
        self.taken: list[Letter] = []
        self._home = home
        self._behind = behind
        self._trouble = True

    def send(self, letter: Letter, commit: Callable[[], None]) -> Outcome:
        if self._trouble and not self._behind:
            self._trouble = False
            self._home.restart()
        commit()
        self.taken.append(letter)
        if self._trouble:
            self._trouble = False
            self._home.restart()
        return Outcome(MessageState.SENT, provider_id=letter.key)


@pytest.mark.parametrize("behind", [False, True])
def test_a_message_leaves_once_whenever_the_database_was_restarted(home: Restarted, behind: bool) -> None:
    provider = Provider(home, behind=behind)
    with home.platform.app.app_context(), bind_hospital("alpha"), unit_of_work():
        queue()
    for later in (timedelta(0), CLAIM + timedelta(minutes=1), timedelta(days=1)):
        with clock.frozen_at(clock.now() + later):
            home.again_and_again(lambda: deliver_due({Channel.EMAIL: provider}))
    (letter,) = provider.taken
    with home.platform.app.app_context(), bind_hospital("alpha"):
        state = db.session.scalars(sa.select(OutboundMessage.state).where(OutboundMessage.key == letter.key)).one()
    assert state is MessageState.SENT or (behind and state is MessageState.UNKNOWN)


def test_what_a_consumer_did_before_a_restart_is_gone_and_done_once_after(home: Restarted, witness: Witness) -> None:
    def restarts_once(_event: PlacedEvent) -> bool:
        if len(witness.told) == 2:
            home.restart()
        return False

    relay_again_and_again(home)  # what other tests left
    witness.told.clear()
    witness.fails = restarts_once
    with home.platform.app.app_context(), bind_hospital("alpha"):
        before = len(witness.effects())
        with unit_of_work():
            for _ in range(3):
                tell()
    relay_again_and_again(home)
    with home.platform.app.app_context(), bind_hospital("alpha"):
        effects = witness.effects()
    assert len(effects) == len(set(effects)) == before + 3
    assert len(witness.told) > 3


def relay_again_and_again(home: Restarted) -> None:
    for _ in range(TRIES):
        with suppress(DBAPIError), home.platform.app.app_context():
            relay_events("alpha")
