"""Migrating many hospitals at once: threads with one connection each, leases in batches, one pen for the ledger."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import cast
from uuid import UUID

from flask import Flask, current_app
from sqlalchemy.engine.interfaces import Dialect

from app.core.db import db
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.administration import administer
from app.tenancy.binding import tenancy
from app.tenancy.cluster import Cluster
from app.tenancy.ledger.leases import give_back, take_hospitals
from app.tenancy.ledger.performing import Work
from app.tenancy.models import DatabaseCluster, MigrationState
from app.tenancy.upgrading import runs
from app.tenancy.upgrading.applying import Limits, Outcome, Target, Verdict, try_migration
from app.tenancy.upgrading.backing_up import back_up
from app.tenancy.upgrading.checking import find_trouble
from app.tenancy.upgrading.planning import FleetRequest
from app.tenancy.upgrading.quarantine import put_in_quarantine
from app.tenancy.upgrading.runs import Open

log = get_logger(__name__)

BATCH = 64
NOTE_SECONDS = 0.2
SAMPLE = 5
BUSY = "busy or locked"
HELD = "another operation is changing this hospital"
AFTERWARDS = "after the migration it cannot be served"

Said = UUID | Outcome


class Workforce:
    """The threads of one run, and what they have done in the present wave."""

    def __init__(self, work: Work, wanted: FleetRequest, total: int) -> None:
        self.done: list[UUID] = []
        self._work = work
        self._wanted = wanted
        self._total = total
        self._engine = db.engine
        self._app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]
        self._limits = Limits(wanted.lock_timeout_ms, wanted.statement_timeout_ms)
        self._clusters: dict[UUID, Cluster] = {}
        self._pool = ThreadPoolExecutor(wanted.parallel, thread_name_prefix="migrate")
        counts = runs.count_by_state(self._engine, work.id)
        self._failed = sum(counts.get(state, 0) for state in runs.FAILED)
        self._ended = self._failed + counts.get(MigrationState.SUCCEEDED, 0)
        self._wave, self._allowed = 0, 0

    def __enter__(self) -> Workforce:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        tenancy().registry.forget()

    @property
    def exceeded(self) -> bool:
        """More hospitals have failed than may."""
        return self._failed > self._allowed

    def begin(self, wave: int, allowed: int) -> None:
        """Turn to a wave in which so many failures in all are allowed."""
        self._wave, self._allowed, self.done = wave, allowed, []

    def say(self, note: str) -> None:
        """Say how far it is; a safe point."""
        self._work.progress(self._ended, self._total, note)

    def migrate(self, waiting: Sequence[Open], *, last: bool) -> list[Open]:
        """Migrate hospitals; return those that were busy or locked, unless it is the last time."""
        later: list[Open] = []
        for at in range(0, len(waiting), BATCH):
            if self.exceeded:
                break
            batch = waiting[at : at + BATCH]
            self.say(self._note())
            if self._wanted.backup_first:
                batch = self._back_up(batch)
            held = take_hospitals([one.hospital_id for one in batch], self._work.runner, self._work.kind)
            try:
                refused = self._without_lease([one for one in batch if one.hospital_id not in held], last=last)
                # Read again now that nobody else changes them: one may have got another database, or be gone.
                later += refused + self._do(
                    runs.list_open(self._engine, self._work.id, self._wave, among=held), last=last
                )
            finally:
                give_back(self._work.runner, list(held))
        return later

    def check_done(self) -> None:
        """Ask as the portals do: the whole canary, of later waves a few; who cannot be served goes into quarantine.

        That it serves the portals' role has been seen in each hospital already, on the connection that migrated it.
        """
        asked = self.done if self._wave == 0 else self.done[:SAMPLE]
        tenancy().registry.forget()
        for hospital_id, why in find_trouble(asked, self._wanted.to, self._pool).items():
            outcome = Outcome(hospital_id, "", Verdict.FAILED, None, None, 0.0, f"{AFTERWARDS}: {why}")
            runs.note_trouble(self._engine, self._work.id, hospital_id, outcome.error or "")
            self._quarantine(outcome)
            self._failed += 1

    def _do(self, hospitals: list[Open], *, last: bool) -> list[Open]:
        """Migrate a batch that is ours; write down what happens as it happens."""
        said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        stop = threading.Event()
        dialect = self._engine.dialect
        tasks = [self._pool.submit(_one, self._target(one), self._limits, dialect, said, stop) for one in hospitals]
        later: list[Open] = []
        expected = len(tasks)
        try:
            while True:
                ended = all(task.done() for task in tasks)
                heard = _gather(said, 0 if ended else expected)
                expected -= sum(isinstance(one, Outcome) for one in heard)
                later += self._write(heard, hospitals, last=last)
                if ended:
                    return later
                self.say(self._note())
                if self.exceeded:
                    stop.set()
        except BaseException:
            stop.set()
            wait(tasks)
            self._write(_gather(said, 0), hospitals, last=last)
            raise

    def _write(self, said: list[Said], hospitals: Sequence[Open], *, last: bool) -> list[Open]:
        """Write down who began and who ended; return those to be tried again."""
        outcomes = [one for one in said if isinstance(one, Outcome)]
        ended = {one.hospital_id: (one, self._state_of(one, last=last)) for one in outcomes}
        runs.note(self._engine, self._work.id, [one for one in said if isinstance(one, UUID)], ended)
        for outcome, state in ended.values():
            self._count(outcome, state)
        again = {one for one, (_, state) in ended.items() if state is MigrationState.WAITING}
        return [one for one in hospitals if one.hospital_id in again]

    def _count(self, outcome: Outcome, state: MigrationState) -> None:
        self._ended += state is not MigrationState.WAITING
        self._failed += state in runs.FAILED
        if state is MigrationState.SUCCEEDED:
            self.done.append(outcome.hospital_id)
        elif state is MigrationState.QUARANTINED:
            self._quarantine(outcome)
        log.info("hospital migrated", hospital=outcome.code, state=state.value, error=outcome.error)

    def _quarantine(self, outcome: Outcome) -> None:
        with unit_of_work():
            put_in_quarantine(self._work.actor, outcome.hospital_id, outcome.error or "")

    def _state_of(self, outcome: Outcome, *, last: bool) -> MigrationState:
        if outcome.verdict is Verdict.DONE:
            return MigrationState.SUCCEEDED
        if outcome.verdict is Verdict.FAILED:
            return MigrationState.QUARANTINED
        return MigrationState.FAILED if last else MigrationState.WAITING

    def _without_lease(self, busy: list[Open], *, last: bool) -> list[Open]:
        outcomes: list[Said] = [_away(one, HELD) for one in busy]
        return self._write(outcomes, busy, last=last)

    def _back_up(self, batch: Sequence[Open]) -> list[Open]:
        """Back hospitals up; those of which there is no new backup are not migrated."""

        def attempt(one: Open) -> str | None:
            with self._app.app_context():
                return back_up(self._work.actor, one.hospital_id)

        why = list(self._pool.map(attempt, batch))
        refused = [one for one, error in zip(batch, why, strict=True) if error is not None]
        self._write([_away(one, error) for one, error in zip(batch, why, strict=True) if error], refused, last=True)
        return [one for one in batch if one not in refused]

    def _target(self, one: Open) -> Target:
        cluster = self._clusters.get(one.cluster_id)
        if cluster is None:
            cluster = self._clusters[one.cluster_id] = administer(
                DatabaseCluster(admin_credential=one.admin_credential)
            )
        return Target(one.hospital_id, one.code, cluster, one.database, self._wanted.to)

    def _note(self) -> str:
        return f"wave {self._wave}" + (f", {self._failed} failed" if self._failed else "")


def _one(
    target: Target, limits: Limits, dialect: Dialect, said: queue.SimpleQueue[Said], stop: threading.Event
) -> None:
    if stop.is_set():
        return
    said.put(target.hospital_id)
    said.put(try_migration(target, limits, dialect))


def _gather(said: queue.SimpleQueue[Said], expected: int) -> list[Said]:
    """Return what was said; wait a moment for more while so many outcomes are expected."""
    found: list[Said] = []
    deadline = time.monotonic() + (NOTE_SECONDS if expected else 0)
    while not expected or sum(isinstance(one, Outcome) for one in found) < expected:
        try:
            found.append(said.get(timeout=max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            break
    return found


def _away(one: Open, error: str) -> Outcome:
    return Outcome(one.hospital_id, one.code, Verdict.AWAY, None, None, 0.0, error)
