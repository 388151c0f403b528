"""What a move may leave behind, and taking it back: a forgotten slot fills the old server's disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from app.core.db import db
from app.core.errors import VienError
from app.core.logging import get_logger
from app.core.unit_of_work import unit_of_work
from app.tenancy.credentials.retirement import drop_login
from app.tenancy.errors import HospitalBusy
from app.tenancy.ledger.leases import holding_hospital
from app.tenancy.ledger.pen import forget_steps
from app.tenancy.models import Operation, OperationState, OperationStep
from app.tenancy.moving import replicating
from app.tenancy.moving.planning import Plan, is_home
from app.tenancy.moving.sites import Site
from app.tenancy.restores.filling import drop_database

log = get_logger(__name__)

MOVE_HOSPITAL = "hospital.move"
TAKEN_BACK = "taken_back"
ENDED = (OperationState.FAILED, OperationState.CANCELLED)
PREPARED = ("prepare",)


def take_back(site: Site) -> None:
    """Drop everything that was made for a move; harmless where there is nothing, and where it has succeeded.

    Each server is tried whether or not the other answers; raises what the first that failed said.
    """
    failed: Exception | None = None
    try:
        replicating.end(site.link)
    except (psycopg.Error, VienError) as error:
        failed = error
    if not is_home(site.plan, site.new):
        drop_database(site.link.target, site.new)
        drop_login(site.link.target, site.new)
    if failed is not None:
        raise failed


def mark_taken_back(operation_id: UUID) -> None:
    """Write down that nothing of an operation that did not succeed is left."""
    with db.engine.begin() as connection:
        connection.execute(sa.update(Operation).where(Operation.id == operation_id).values(result={TAKEN_BACK: True}))


def take_back_left_moves() -> list[str]:
    """Take back what moves that ended without success left on servers that were away; return their names.

    What fails is tried again at the next call.
    """
    done = []
    for row in _list_left():
        with suppress(HospitalBusy), holding_hospital(row.hospital_id, "take back a move"):
            if not _has_ended(row.id):
                continue
            site = Site.of(row.id, Plan.of(row.hospital_id, row.details))
            try:
                take_back(site)
            except (VienError, psycopg.Error) as error:
                log.warning("a move's leftovers stay", move=site.name, error=type(error).__name__)
                continue
            with db.engine.begin() as connection:
                forget_steps(connection, row.id, PREPARED)
            mark_taken_back(row.id)
            done.append(site.name)
    return done


def _list_left() -> Sequence[Any]:
    """Return the moves that ended without success after they had begun to make something."""
    plan, begun = sa.orm.aliased(OperationStep), sa.orm.aliased(OperationStep)
    query = (
        sa.select(Operation.id, Operation.hospital_id, plan.details)
        .join(plan, sa.and_(plan.operation_id == Operation.id, plan.step == "plan"))
        .join(begun, sa.and_(begun.operation_id == Operation.id, begun.step == "prepare"))
        .where(
            Operation.kind == MOVE_HOSPITAL,
            Operation.state.in_(ENDED),
            Operation.result[TAKEN_BACK].as_boolean().is_not(True),
            plan.details != {},
        )
        .order_by(Operation.requested_at)
        .limit(100)
    )
    with unit_of_work() as session:
        return session.execute(query).all()


def _has_ended(operation_id: UUID) -> bool:
    with unit_of_work() as session:
        return session.scalar(sa.select(Operation.state).where(Operation.id == operation_id)) in ENDED
