"""The fleet's migration: a canary, waves, a failure budget; going on where an earlier runner stopped."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.i18n import _l
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import find_unfinished, request_operation
from app.tenancy.models import MigrationState, Operation
from app.tenancy.upgrading import runs
from app.tenancy.upgrading.backing_up import check_backups
from app.tenancy.upgrading.errors import MigrationStopped, MigrationUnderWay, SomeNotMigrated
from app.tenancy.upgrading.planning import FleetRequest, how_many, plan
from app.tenancy.upgrading.working import BUSY, Workforce

MIGRATE_FLEET = "fleet.migrate"
ONE_AT_A_TIME = 7_310_011
CANARY = 0
PAUSE_SECONDS = 2.0


def request_fleet_migration(actor: Actor, wanted: FleetRequest, *, wake: bool = True) -> Operation:
    """Ask for a fleet migration; raises InvalidValue, or MigrationUnderWay where one waits or runs."""
    wanted = wanted.checked()
    if wanted.backup_first:
        check_backups()
    lock = sa.select(sa.func.pg_advisory_xact_lock(ONE_AT_A_TIME))
    db.session.execute(lock, bind_arguments={"bind": db.engine})
    if find_unfinished(MIGRATE_FLEET, None) is not None:
        raise MigrationUnderWay
    plan(wanted)  # a canary that cannot be one is said now, not in an hour
    return request_operation(actor, MIGRATE_FLEET, arguments=wanted.as_arguments(), wake=wake)


@operation(
    MIGRATE_FLEET,
    title=_l("Upgrade hospitals' databases"),
    takes_hospital=False,
    steps={
        "plan": _l("See who is behind"),
        "canary": _l("The canary: those who go first"),
        "waves": _l("All others, in waves"),
    },
)
def migrate_fleet(work: Work) -> dict[str, Any]:
    """Upgrade every hospital that is behind; what an earlier try has done is not done again."""
    wanted = FleetRequest.of(work.arguments).checked()
    work.step("plan", lambda: _write_plan(work, wanted))
    runs.reopen(db.engine, work.id)
    fleet = Fleet(work, wanted)
    with fleet.workforce:
        work.step("canary", lambda: fleet.wave(CANARY, allowed=0))
        return work.step("waves", fleet.later_waves)


def _write_plan(work: Work, wanted: FleetRequest) -> dict[str, Any]:
    planned = plan(wanted)
    db.session.rollback()
    runs.write_plan(db.engine, work.id, planned, wanted.to)
    return {"to": wanted.to, "hospitals": len(planned), "waves": 1 + max((one.wave for one in planned), default=0)}


class Fleet:
    """One run over the fleet."""

    def __init__(self, work: Work, wanted: FleetRequest) -> None:
        self._work = work
        self._wanted = wanted
        self._engine = db.engine
        self._total = sum(runs.count_by_state(self._engine, work.id).values())
        self.workforce = Workforce(work, wanted, self._total)

    def later_waves(self) -> dict[str, Any]:
        """Do what comes after the canary; return what came of it all, or raise SomeNotMigrated or MigrationStopped."""
        allowed = how_many(self._wanted.budget, self._total)
        for number in runs.list_waves(self._engine, self._work.id):
            self.wave(number, allowed=allowed)
        return self._result()

    def wave(self, number: int, *, allowed: int) -> dict[str, Any]:
        """Do one wave, see that its hospitals serve; raises MigrationStopped where more failed than are allowed."""
        self.workforce.begin(number, allowed)
        waiting = runs.list_open(self._engine, self._work.id, number)
        for attempt in range(1, self._wanted.tries + 1):
            waiting = self.workforce.migrate(waiting, last=attempt == self._wanted.tries)
            if not waiting or self.workforce.exceeded:
                break
            self._pause(PAUSE_SECONDS * 2 ** (attempt - 1), len(waiting))
        self.workforce.check_done()
        if self.workforce.exceeded:
            raise self._outcome(MigrationStopped)
        return {"hospitals": len(self.workforce.done)}

    def _result(self) -> dict[str, Any]:
        counts = runs.count_by_state(self._engine, self._work.id)
        if any(counts.get(state) for state in runs.FAILED):
            raise self._outcome(SomeNotMigrated)
        return {"to": self._wanted.to, "migrated": counts.get(MigrationState.SUCCEEDED, 0)}

    def _pause(self, seconds: float, count: int) -> None:
        """Give those who hold locks or hospitals time to end; a safe point every half second."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.workforce.say(f"{count} {BUSY}")
            time.sleep(min(left, 0.5))

    def _outcome(self, kind: type[SomeNotMigrated]) -> SomeNotMigrated:
        counts = runs.count_by_state(self._engine, self._work.id)
        failed = sum(counts.get(state, 0) for state in runs.FAILED)
        done = counts.get(MigrationState.SUCCEEDED, 0)
        return kind(done, failed, runs.name_failed(self._engine, self._work.id))
