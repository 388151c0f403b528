"""Moving a hospital to another server: planned, prepared, copied, exchanged in a pause, tidied up after.

Until the exchange the hospital serves from its old database, and whatever fails before takes everything back that was
made for the move. Afterwards the old database is kept like every one that was exchanged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg

from app.core.actor import Actor
from app.core.errors import VienError
from app.core.i18n import _l
from app.core.logging import get_logger
from app.tenancy.ledger.errors import OperationCancelled
from app.tenancy.ledger.kinds import operation
from app.tenancy.ledger.performing import Work
from app.tenancy.ledger.requests import request_operation
from app.tenancy.models import Operation
from app.tenancy.moving import copying, replicating
from app.tenancy.moving.cutting_over import cut_over
from app.tenancy.moving.errors import ReplicationStopped
from app.tenancy.moving.leftovers import MOVE_HOSPITAL, mark_taken_back, take_back
from app.tenancy.moving.planning import AUTO, REPLICATION, Plan, check_request, is_home, make_plan
from app.tenancy.moving.sites import Site
from app.tenancy.queries import get_hospital

log = get_logger(__name__)

MB = 1024**2
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 120.0
NEAR_BYTES = 4 * MB
ERRORS = 5
STEPS = {
    "plan": _l("Look at both servers"),
    "prepare": _l("Prepare the new server"),
    "follow": _l("Copy while the hospital is served (large ones)"),
    "cut_over": _l("Pause, carry over the rest, compare, exchange"),
    "clean": _l("End the replication"),
}


def request_move(actor: Actor, code: str, cluster: str, method: str = AUTO, *, wake: bool = True) -> Operation:
    """Ask for a move, unless the centre alone can tell that it is impossible; raises like `check_request`."""
    hospital = get_hospital(code)
    check_request(hospital.id, cluster, method)
    arguments = {"cluster": cluster, "method": method}
    return request_operation(actor, MOVE_HOSPITAL, hospital=hospital, arguments=arguments, wake=wake)


@operation(MOVE_HOSPITAL, title=_l("Move hospital to another server"), takes_hospital=True, steps=STEPS)
def move_hospital(work: Work) -> dict[str, Any]:
    """Move a hospital to the server `cluster` by the `method` that is wanted, or that fits its size."""
    site = Site.of(work.id, Plan.of(work.hospital, work.step("plan", lambda: _plan(work))))
    try:
        return _carry_over(work, site)
    except (Exception, KeyboardInterrupt):
        if not is_home(site.plan, site.new):
            _take_back(work, site)
        raise


def _plan(work: Work) -> dict[str, Any]:
    """Look at both servers; the name of what will be made there is remembered, so that it is known to be ours."""
    plan = make_plan(work.hospital, work.arguments["cluster"], work.arguments.get("method", AUTO))
    return {**plan.as_details(), "database": Site.of(work.id, plan).new}


def _carry_over(work: Work, site: Site) -> dict[str, Any]:
    plan = site.plan
    work.step("prepare", lambda: _prepare(site))
    work.step("follow", lambda: _follow(work, site) if plan.method == REPLICATION else {})
    done = work.step("cut_over", lambda: cut_over(work, site))
    try:
        work.step("clean", lambda: replicating.end(site.link))
    except OperationCancelled:  # too late: the hospital has moved
        replicating.end(site.link)
    return {"from": plan.from_name, "to": plan.to_name, "method": plan.method, "database": site.new, **done}


def _prepare(site: Site) -> None:
    """Make the group roles; for a replication everything that it needs, in place of what an earlier try has left."""
    site.plan.target.prepare()
    take_back(site)
    if site.plan.method == REPLICATION:
        copying.copy_schema(site.link.source, site.link.database, site.link.target, site.new)
        replicating.begin(site.link)


def _follow(work: Work, site: Site) -> dict[str, Any]:
    """Wait until every table is copied and little is left to send; the hospital is served all the while."""
    watch, settled = _Watch(site.link), False
    while True:
        far = watch.look()
        if far is not None:
            work.progress(far.tables, far.of_tables, f"{far.bytes // MB} MB behind")
            if far.copied and far.bytes <= NEAR_BYTES:
                if settled:
                    return {"tables": far.tables}
                _settle(site)
                settled = True
        work.check()
        time.sleep(LOOK_SECONDS)


def _settle(site: Site) -> None:
    """Give the copy statistics and a visibility map, so that it is counted and asked quickly from the first moment."""
    with site.link.target.connect(site.new) as inside:
        inside.execute("VACUUM (ANALYZE)")
        inside.execute("SELECT vien_make_log_partitions(3)")


@dataclass(slots=True)
class _Watch:
    """Looks at a replication with patience: servers are restarted, and it goes on by itself afterwards."""

    link: replicating.Link
    away_since: float | None = None

    def look(self) -> replicating.Distance | None:
        try:
            far = replicating.distance(self.link)
        except psycopg.OperationalError:
            self.away_since = self.away_since or time.monotonic()
            if time.monotonic() - self.away_since >= PATIENCE_SECONDS:
                raise
            return None
        self.away_since = None
        if far.errors >= ERRORS:
            raise ReplicationStopped("the new server refuses what it is sent; its log says why")
        return far


def _take_back(work: Work, site: Site) -> None:
    """Leave nothing behind; what a server that is away still has is taken back by the schedule."""
    work.forget(*STEPS)
    try:
        take_back(site)
    except (VienError, psycopg.Error) as error:
        log.error("a move left things behind", hospital=work.code, move=site.name, error=type(error).__name__)
    else:
        mark_taken_back(work.id)
