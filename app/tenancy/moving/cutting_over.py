"""The cut-over: nobody is served while the rest is carried over, compared and the register changed."""

from __future__ import annotations

import time
from typing import Any

from flask import current_app

from app.core.logging import get_logger
from app.tenancy.cluster import new_password
from app.tenancy.ledger.performing import Work
from app.tenancy.moving import comparing, copying, replicating
from app.tenancy.moving.errors import ReplicationStopped
from app.tenancy.moving.planning import DUMP, MB, is_home
from app.tenancy.moving.sites import Site
from app.tenancy.pausing import paused, serve_again
from app.tenancy.restores.making import Target, open_to
from app.tenancy.restores.verifying import check_identity, read_revision
from app.tenancy.swapping import MOVE, NewHome, exchange

log = get_logger(__name__)

PAUSES = 3
ARRIVE_SECONDS = 20.0
BETWEEN_SECONDS = 5.0
LOOK_SECONDS = 0.05


def cut_over(work: Work, site: Site) -> dict[str, Any]:
    """Give the hospital its new database in a pause as short as it may be; harmless where it has it already.

    What does not arrive in time ends the pause, not the move: it is tried again a little later. Raises CopyDiffers,
    ReplicationStopped, or what stopped the copying; the hospital then serves from its old database.
    """
    if is_home(site.plan, site.new):
        serve_again(work.hospital)
        return {}
    for attempt in range(1, PAUSES + 1):
        began = time.monotonic()
        with paused(work.hospital, holder=work.runner):
            rows = _carry_rest(work, site)
            retired = None if rows is None else _exchange(work, site)
        seconds = round(time.monotonic() - began, 3)
        if rows is not None:
            log.info("hospital moved", hospital=work.code, to=site.plan.to_name, pause_seconds=seconds)
            return {"rows": rows, "pause_seconds": seconds, "pauses": attempt, "retired": str(retired)}
        log.warning("the rest did not arrive in time; served again", hospital=work.code, pause_seconds=seconds)
        time.sleep(BETWEEN_SECONDS)
    raise ReplicationStopped(f"the last changes did not arrive within {ARRIVE_SECONDS:.0f} seconds, {PAUSES} times")


def _carry_rest(work: Work, site: Site) -> int | None:
    """Complete the copy and compare it; return its rows, or None where the last changes do not arrive in time."""
    link, plan = site.link, site.plan
    if plan.method == DUMP:
        copying.copy_everything(
            link.source,
            link.database,
            link.target,
            site.new,
            lambda done: work.progress(done, None, f"{done // MB} MB copied"),
        )
        with link.target.connect(site.new) as inside:
            inside.execute("ANALYZE")  # a dump brings no statistics along
    else:
        if not _arrives(work, site):
            return None
        replicating.carry_sequences(link)
    work.check()
    check_identity(link.target, site.new, work.hospital)
    return comparing.compare(link.source, link.database, link.target, site.new, checksums=_is_small(site))


def _arrives(work: Work, site: Site) -> bool:
    position, deadline = replicating.mark(site.link), time.monotonic() + ARRIVE_SECONDS
    while not replicating.has_reached(site.link, position):
        if time.monotonic() > deadline:
            return False
        work.check()
        time.sleep(LOOK_SECONDS)
    return replicating.distance(site.link).copied


def _is_small(site: Site) -> bool:
    """Tell whether every row is to be hashed in the pause; for a large one the rows of every table are counted."""
    return bool(site.plan.size_bytes < current_app.extensions["settings"].move_by_dump_below_mb * MB)


def _exchange(work: Work, site: Site) -> object:
    plan, password = site.plan, new_password()
    revision = read_revision(site.link.target, site.new)
    open_to(site.link.target, Target(plan.to_cluster, site.new, site.new), password)
    home = NewHome(plan.to_cluster, site.new, site.new, password, revision)
    work.check()
    return exchange(work.actor, work.hospital, home, reason=MOVE, other_data=False, holder=work.runner)
